import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type ClickHouseClient, createClient } from '@clickhouse/client'
import { fail, ok, type Result } from '@vouch/proto/kernel/fault.ts'
import { drainPending } from 'chdb'
import { createChdbConnection } from 'chdb/connection'

type Connection = NonNullable<NonNullable<Parameters<typeof createClient>[0]>['connection']>

/** An embedded ClickHouse on one data directory. */
export interface Engine {
  /** Absolute path of the data directory. */
  readonly path: string
  /**
   * Opens one more client (about a millisecond). A client runs one query at a time, so open one per concurrent
   * user. Settings belong in a query's SETTINGS clause: through `clickhouse_settings` they stay on the client.
   *
   * @param database becomes the client's current database and must exist. Default `default`.
   */
  readonly connect: (database?: string) => Promise<ClickHouseClient>
  /** Waits for running queries, then closes every client and the data directory. Safe to call twice. */
  readonly close: () => Promise<void>
}

let current: string | undefined

/**
 * Opens the embedded engine. It binds one data directory per process and one process per directory.
 *
 * Faults: DATA_DIRECTORY_LOCKED (another process has it), DATA_DIRECTORY_UNWRITABLE.
 *
 * @throws when this process already has an engine open.
 */
export async function openEngine(directory: string): Promise<Result<Engine>> {
  const path = resolve(directory)
  if (current !== undefined) throw new Error(`the engine is open on ${current}; one directory per process`)
  current = path
  const opened = await openFirst(path)
  if (!opened.ok) {
    current = undefined
    return opened
  }
  const clients = new Set<ClickHouseClient>([opened.value])
  const connect = async (database?: string) => {
    const client = openClient(path)
    clients.add(client)
    if (database !== undefined) await client.command({ query: `USE ${quoteIdentifier(database)}` })
    return client
  }
  const close = async () => {
    if (current !== path) return
    await drainPending()
    await Promise.all([...clients].map((client) => client.close()))
    await drainPending()
    current = undefined
  }
  return ok({ path, connect, close })
}

/** Quotes a name for use in SQL. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``
}

/** A client that the caller closes, on the directory of the open engine. */
export function openClient(path: string): ClickHouseClient {
  // The two packages declare the same interface separately, so their types cannot meet without a cast.
  return createClient({ connection: createChdbConnection({ path }) as unknown as Connection })
}

async function openFirst(path: string): Promise<Result<ClickHouseClient>> {
  try {
    await mkdir(path, { recursive: true })
    const client = openClient(path)
    await client.command({ query: 'SELECT 1' })
    return ok(client)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const detail = { directory: path }
    const holder = await lockHolder(path)
    if (holder !== undefined) {
      return fail('DATA_DIRECTORY_LOCKED', `process ${holder} has ${path} open; stop it first`, { detail })
    }
    return fail('DATA_DIRECTORY_UNWRITABLE', `the engine cannot use ${path}: ${message}`, { detail })
  }
}

/** The live process that the engine's lock file names: the engine itself reports a lock only on standard error. */
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
