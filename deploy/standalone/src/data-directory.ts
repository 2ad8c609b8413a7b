import { existsSync } from 'node:fs'
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** Version of the layout below a data directory. */
const FORMAT = 1

/** A data directory that belongs to this process alone until released. */
export interface DataDirectory {
  /** Absolute path. */
  readonly path: string
  /** Absolute path of a file or folder in it. */
  at(...parts: string[]): string
  /** Lets go of it. */
  release(): void
}

/**
 * Takes a data directory, making it where it is absent.
 * Faults: DATA_DIRECTORY_UNWRITABLE, DATA_DIRECTORY_NEWER, DATA_DIRECTORY_LOCKED.
 */
export async function takeDataDirectory(directory: string): Promise<Result<DataDirectory>> {
  const path = resolve(directory)
  const detail = { directory: path }
  try {
    await makeFolders(path)
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `${path} cannot be written: ${why}; give VOUCH_DATA_DIR a directory that this user owns`
    return fail('DATA_DIRECTORY_UNWRITABLE', message, { detail })
  }
  const lock = lockOn(join(path, 'lock'))
  if (lock === undefined) {
    const message = `another Vouch runs on ${path}; stop it, or give this one another VOUCH_DATA_DIR`
    return fail('DATA_DIRECTORY_LOCKED', message, { detail })
  }
  const written = await formatOf(join(path, 'format'))
  if (written !== FORMAT) {
    lock.close()
    const message = `${path} has format ${written}, this release knows ${FORMAT}; run the release that wrote it, or a newer one`
    return fail('DATA_DIRECTORY_NEWER', message, { detail })
  }
  return ok({ path, at: (...parts) => join(path, ...parts), release: () => lock.close() })
}

/** SQLite's lock is the operating system's: it ends with the process, however that ends. */
function lockOn(file: string): DatabaseSync | undefined {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch {
    database.close()
    return undefined
  }
}

async function formatOf(file: string): Promise<number | string> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text !== undefined) return text === `${FORMAT}\n` ? FORMAT : JSON.stringify(text.trim())
  await writeFile(file, `${FORMAT}\n`)
  return FORMAT
}

/** Folder by folder: Node's recursive mkdir never ends where a parent exists and refuses children, as in /proc. */
async function makeFolders(path: string): Promise<void> {
  const parent = dirname(path)
  if (parent !== path && !existsSync(parent)) await makeFolders(parent)
  if (!existsSync(path)) await mkdir(path, { mode: 0o755 })
}
