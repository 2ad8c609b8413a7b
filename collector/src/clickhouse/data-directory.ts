import { access, constants, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ENGINE_DIRECTORY } from './connect.ts'

/**
 * Prepares a data directory for the embedded engine, which says itself only on standard error why it
 * cannot use one. Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_UNWRITABLE.
 */
export async function prepareDataDirectory(dataDir: string): Promise<Result<void>> {
  const path = join(dataDir, ENGINE_DIRECTORY)
  try {
    // Step by step: a recursive mkdir never returns for some parents that exist and cannot be written.
    await makeDirectory(dataDir)
    await makeDirectory(path)
    await access(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return fail(
      'DATA_DIRECTORY_UNWRITABLE',
      `${dataDir} cannot be used: ${reason}; choose another VOUCH_DATA_DIR`,
    )
  }
  const holder = await lockHolder(path)
  if (holder === undefined) return ok(undefined)
  return fail('DATA_DIRECTORY_LOCKED', `process ${holder} has ${path} open; stop it first`)
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/** The live process that the engine's lock file names. */
async function lockHolder(path: string): Promise<number | undefined> {
  const status = await readFile(join(path, 'status'), 'utf8').catch(() => '')
  const pid = Number.parseInt(/^PID: (\d+)/m.exec(status)?.[1] ?? '', 10)
  if (!Number.isSafeInteger(pid) || pid === process.pid) return undefined
  try {
    process.kill(pid, 0)
    return pid
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' ? pid : undefined
  }
}
