import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '@vouch/postgres'
import type { PostgresServer } from '@vouch/postgres'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { DataDirectory } from './data-directory.ts'

/** Where a system service keeps its state. */
const SYSTEM_STATE = '/var/lib/vouch'

/**
 * Starts the embedded PostgreSQL in the data directory. PostgreSQL refuses to run as root, and the account that
 * runs it for root may be shut out of the data directory (one below /root, say): then the cluster lives in
 * /var/lib/vouch, and the file `postgres-home` of the data directory says where.
 * Faults: as `startEmbeddedPostgres`.
 */
export async function startPostgresIn(directory: DataDirectory): Promise<Result<PostgresServer>> {
  const pointer = directory.at('postgres-home')
  const elsewhere = await readFile(pointer, 'utf8').catch(() => undefined)
  if (elsewhere !== undefined) return startEmbeddedPostgres({ directory: elsewhere.trim() })
  const started = await startEmbeddedPostgres({ directory: directory.at('postgres') })
  const shutOut =
    !started.ok && started.fault.code === 'DATA_DIRECTORY_UNWRITABLE' && process.getuid?.() === 0
  if (!shutOut) return started
  const home = join(SYSTEM_STATE, `postgres-${randomBytes(8).toString('hex')}`)
  await mkdir(home, { recursive: true, mode: 0o755 })
  await writeFile(pointer, `${home}\n`)
  return startEmbeddedPostgres({ directory: home })
}
