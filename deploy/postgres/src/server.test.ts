import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Binaries, debianBinaries, embeddedBinaries } from './binaries.ts'
import { ownerOf } from './owner.ts'
import { startEmbeddedPostgres } from './server.ts'

const debian = debianBinaries()
const absent = debian === undefined ? ', skipped: Debian package postgresql is absent' : ''
if (absent !== '' && process.env['CI'] === 'true') throw new Error('Debian package postgresql is absent')

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-postgres-'))
  await chmod(directory, 0o755)
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** Starts a server in another process, which prints its URL and waits. */
async function elsewhere(binaries: Binaries) {
  const script = `
    import { startEmbeddedPostgres } from '${import.meta.dirname}/server.ts'
    const started = await startEmbeddedPostgres(${JSON.stringify({ directory, binaries })})
    console.log(started.ok ? started.value.url : started.fault.code)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const early = once(child, 'exit').then(() => ['it ended without a word'])
  const [url] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), early])
  return { child, url: String(url) }
}

describe.each([
  ['embedded', embeddedBinaries()],
  ...(debian === undefined ? [] : [['Debian', debian] as const]),
] as const)(`%s PostgreSQL${absent}`, (_, binaries) => {
  test('creates a cluster, keeps it over a restart, keeps its password', async () => {
    const first = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
    await first.stop()
    await first.stop()
    const second = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
    await second.stop()
  })

  test('ends when its parent is killed, and starts again with what was committed', async () => {
    const { child, url } = await elsewhere(binaries)
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const again = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    expect(await query(again.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
    await again.stop()
    await expect(query(url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('starts over the lock file of a server that was killed itself', async () => {
    const first = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
    const lock = join(directory, 'data', 'postmaster.pid')
    const pid = Number.parseInt(await readFile(lock, 'utf8'), 10)
    process.kill(pid, 'SIGKILL')
    await first.stop()
    expect(existsSync(lock)).toBe(true)
    const second = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }])
    await second.stop()
  })

  test('does not open without the password', async () => {
    const server = unwrap(await startEmbeddedPostgres({ directory, binaries }))
    const url = new URL(server.url)
    url.password = 'guess'
    await expect(query(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    await server.stop()
  })
})

test('a cluster of a newer release is DATA_DIRECTORY_NEWER, of an older one UNSUPPORTED', async () => {
  const server = unwrap(await startEmbeddedPostgres({ directory }))
  await server.stop()
  const version = join(directory, 'data', 'PG_VERSION')
  await writeFile(version, '99\n')
  expect(await startEmbeddedPostgres({ directory })).toMatchObject({
    ok: false,
    fault: { code: 'DATA_DIRECTORY_NEWER' },
  })
  await writeFile(version, '9\n')
  expect(await startEmbeddedPostgres({ directory })).toMatchObject({
    ok: false,
    fault: { code: 'UNSUPPORTED' },
  })
})

test('a taken port is PORT_IN_USE', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const started = await startEmbeddedPostgres({ directory, port })
  expect(started).toMatchObject({ ok: false, fault: { code: 'PORT_IN_USE', detail: { port: String(port) } } })
  taken.close()
})

test('a directory below a file is DATA_DIRECTORY_UNWRITABLE', async () => {
  const file = join(directory, 'file')
  await writeFile(file, '')
  const started = await startEmbeddedPostgres({ directory: join(file, 'data') })
  expect(started).toMatchObject({ ok: false, fault: { code: 'DATA_DIRECTORY_UNWRITABLE' } })
})

test('binaries behind a closed folder are copied to where the account can reach them, and removed', async () => {
  const closed = await mkdtemp(join(tmpdir(), 'vouch-closed-'))
  const { postgres } = embeddedBinaries()
  await cp(dirname(dirname(postgres)), join(closed, 'native'), { recursive: true, verbatimSymlinks: true })
  const binaries = {
    initdb: join(closed, 'native/bin/initdb'),
    postgres: join(closed, 'native/bin/postgres'),
  }
  const { uid, gid } = await ownerOf(directory)
  if (uid !== undefined && gid !== undefined) await chown(directory, uid, gid)
  const server = unwrap(await startEmbeddedPostgres({ directory, binaries, temporary: true }))
  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await server.stop()
  expect(existsSync(directory)).toBe(false)
  await rm(closed, { recursive: true })
})

test('a half-made cluster is made anew', async () => {
  execFileSync('mkdir', ['-p', join(directory, 'data.new', 'base')])
  const server = unwrap(await startEmbeddedPostgres({ directory }))
  expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  await server.stop()
})
