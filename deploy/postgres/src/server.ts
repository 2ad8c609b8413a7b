import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fail, ok, type Result } from '@vouch/proto/kernel/fault.ts'
import { type Binaries, embeddedBinaries, versionOf } from './binaries.ts'
import { type Child, startChild } from './child.ts'
import { barrier, type Owner, ownerOf, reachableBinaries } from './owner.ts'

const run = promisify(execFile)
const USER = 'vouch'
/** A predecessor killed a moment ago needs this long at most to finish its own shutdown. */
const LOCK_WAIT_MS = 20_000
const LOCK_RETRY_MS = 100
const PORT_ATTEMPTS = 5

/** How to start a server. */
export interface PostgresOptions {
  /** Holds the cluster (`data`) and the generated password; made when absent. Absolute or relative path. */
  readonly directory: string
  /** TCP port on 127.0.0.1; a free one when absent. */
  readonly port?: number
  /** Server programs; those from npm when absent. */
  readonly binaries?: Binaries
  /** For tests: gives up safety against power loss for speed, and removes the directory when the server ends. */
  readonly temporary?: boolean
  /** Receives each line of the server's log. */
  readonly onLog?: (line: string) => void
}

/** A running server. */
export interface PostgresServer {
  /** Connection URL with user and password, database `postgres`. */
  readonly url: string
  /** Fast shutdown: open transactions roll back, everything committed is on disk. */
  readonly stop: () => Promise<void>
}

/**
 * Starts PostgreSQL on a directory, creating the cluster the first time.
 *
 * Faults: DATA_DIRECTORY_UNWRITABLE, DATA_DIRECTORY_LOCKED (another process serves it), DATA_DIRECTORY_NEWER
 * (written by a later major version), UNSUPPORTED (by an earlier one), PORT_IN_USE.
 */
export async function startEmbeddedPostgres(options: PostgresOptions): Promise<Result<PostgresServer>> {
  const directory = resolve(options.directory)
  const cluster = join(directory, 'data')
  try {
    await mkdir(directory, { recursive: true })
  } catch (error) {
    return unwritable(directory, reasonOf(error))
  }
  const owner = await ownerOf(cluster)
  const closed = await barrier(directory, owner)
  if (closed !== undefined) {
    return unwritable(directory, `PostgreSQL runs as uid ${owner.uid}, which cannot enter ${closed}`)
  }
  try {
    const given = options.binaries ?? embeddedBinaries()
    const binaries = await reachableBinaries(given, owner, directory, options.temporary === true)
    return await startCluster({ ...options, directory, binaries }, cluster, owner)
  } catch (error) {
    return unwritable(directory, reasonOf(error))
  }
}

type Prepared = PostgresOptions & { readonly binaries: Binaries }

async function startCluster(
  options: Prepared,
  cluster: string,
  owner: Owner,
): Promise<Result<PostgresServer>> {
  const written = await majorOf(cluster)
  if (written === undefined) await createCluster(options, cluster, owner)
  else {
    const ours = await versionOf(options.binaries)
    const detail = { directory: cluster, written: String(written), ours }
    const message = `${cluster} was written by PostgreSQL ${written}, this is ${ours}`
    const major = Number.parseInt(ours, 10)
    if (written > major) return fail('DATA_DIRECTORY_NEWER', `${message}; run the newer release`, { detail })
    if (written < major) return fail('UNSUPPORTED', `${message}; dump and load it`, { detail })
  }
  const password = await readFile(join(options.directory, 'password'), 'utf8')
  return serve(options, cluster, owner, password)
}

async function majorOf(cluster: string): Promise<number | undefined> {
  const text = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number.parseInt(text, 10)
}

/** `initdb` into a sibling and rename: a crash half-way leaves no half cluster behind. */
async function createCluster(options: Prepared, cluster: string, owner: Owner): Promise<void> {
  const draft = `${cluster}.new`
  const secret = join(options.directory, 'password')
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  await writeFile(secret, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (owner.uid !== undefined && owner.gid !== undefined) {
    await chown(draft, owner.uid, owner.gid)
    await chown(secret, owner.uid, owner.gid)
  }
  const sync = options.temporary === true ? ['--no-sync'] : []
  await run(
    options.binaries.initdb,
    [
      ...sync,
      '-D',
      draft,
      '-U',
      USER,
      `--pwfile=${secret}`,
      '-A',
      'scram-sha-256',
      '-E',
      'UTF8',
      '--locale=C',
    ],
    { ...owner, cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' } },
  )
  await rename(draft, cluster)
}

async function serve(
  options: Prepared,
  cluster: string,
  owner: Owner,
  password: string,
): Promise<Result<PostgresServer>> {
  const deadline = performance.now() + LOCK_WAIT_MS
  for (let attempt = 1; ;) {
    const port = options.port ?? (await freePort())
    const child = startChild(command(options, cluster, port), owner, {
      onLog: options.onLog,
      remove: options.temporary === true ? options.directory : undefined,
    })
    const outcome = await child.seen(/database system is ready to accept connections/)
    if (!outcome.ended) return ok(serverOf(child, port, password))
    if (/lock file "postmaster.pid" already exists|pre-existing shared memory/.test(outcome.log)) {
      if (performance.now() > deadline) {
        return fail('DATA_DIRECTORY_LOCKED', `another process serves ${cluster}; stop it first`, {
          detail: { directory: cluster },
        })
      }
      await sleep(LOCK_RETRY_MS)
    } else if (/could not bind/.test(outcome.log)) {
      if (options.port !== undefined || attempt === PORT_ATTEMPTS) {
        return fail('PORT_IN_USE', `port ${port} on 127.0.0.1 is taken; choose another or leave it open`, {
          detail: { port: String(port) },
        })
      }
      attempt += 1
    } else return unwritable(options.directory, outcome.log)
  }
}

function command(options: Prepared, cluster: string, port: number): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    log_destination: 'stderr',
    logging_collector: 'off',
    shared_buffers: '64MB',
    max_connections: '100',
    timezone: 'UTC',
    ...(options.temporary === true && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return [options.binaries.postgres, '-D', cluster, ...flags]
}

function serverOf(child: Child, port: number, password: string): PostgresServer {
  return { url: `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`, stop: () => child.stop() }
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer().once('error', failed)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function unwritable<T>(directory: string, reason: string): Result<T> {
  return fail('DATA_DIRECTORY_UNWRITABLE', `PostgreSQL cannot use ${directory}: ${reason}`, {
    detail: { directory },
  })
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
