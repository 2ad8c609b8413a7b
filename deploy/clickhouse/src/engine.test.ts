import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openEngine } from './engine.ts'
import { createTestEngine } from './test-engine.ts'

const run = promisify(execFile)
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-clickhouse-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

test('clients on one engine see the same data and work at the same time', async () => {
  const engine = unwrap(await openEngine(directory))
  const writer = await engine.connect()
  await writer.command({ query: 'CREATE DATABASE a' })
  const [left, right] = [await engine.connect('a'), await engine.connect('a')]
  await left.command({ query: 'CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n' })
  await Promise.all([
    left.command({ query: 'INSERT INTO t SELECT number FROM numbers(1000)' }),
    right.command({ query: 'INSERT INTO t SELECT number FROM numbers(1000, 1000)' }),
  ])
  const result = await right.query({
    query: 'SELECT toString(sum(n)) AS total FROM t',
    format: 'JSONEachRow',
  })
  expect(await result.json()).toEqual([{ total: '1999000' }])
  await engine.close()
})

test('data survives closing and opening again', async () => {
  const first = unwrap(await openEngine(directory))
  const writer = await first.connect()
  await writer.command({ query: 'CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n' })
  await writer.command({ query: 'INSERT INTO kept VALUES (7)' })
  await first.close()
  const second = unwrap(await openEngine(directory))
  const result = await (await second.connect()).query({ query: 'SELECT n FROM kept', format: 'JSONEachRow' })
  expect(await result.json()).toEqual([{ n: 7 }])
  await second.close()
})

test('closing waits for a running query and may be repeated', async () => {
  const engine = unwrap(await openEngine(directory))
  const client = await engine.connect()
  const running = client.query({ query: 'SELECT sleep(0.3) AS slept', format: 'JSONEachRow' })
  await engine.close()
  await engine.close()
  expect(await (await running).json()).toEqual([{ slept: 0 }])
})

test('a second engine in the process is a programming error', async () => {
  const engine = unwrap(await openEngine(directory))
  await expect(openEngine(`${directory}-other`)).rejects.toThrow('one directory per process')
  await engine.close()
})

test('a directory that another process has open is DATA_DIRECTORY_LOCKED', async () => {
  const engine = unwrap(await openEngine(directory))
  const script = `
    import { openEngine } from '${import.meta.dirname}/engine.ts'
    const opened = await openEngine('${directory}')
    console.log(opened.ok ? 'opened' : opened.fault.code)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script])
  expect(stdout.trim()).toBe('DATA_DIRECTORY_LOCKED')
  await engine.close()
})

test('a path below a file is DATA_DIRECTORY_UNWRITABLE, and the process can open another', async () => {
  const file = join(directory, 'file')
  await writeFile(file, '')
  expect(await openEngine(join(file, 'data'))).toMatchObject({
    ok: false,
    fault: { code: 'DATA_DIRECTORY_UNWRITABLE' },
  })
  const engine = unwrap(await openEngine(directory))
  await engine.close()
})

test('a test engine is an empty database that leaves nothing behind', async () => {
  const first = await createTestEngine()
  const client = await first.connect()
  await client.command({ query: 'CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n' })
  await first.dispose()
  const second = await createTestEngine()
  const result = await (await second.connect()).query({ query: 'SHOW TABLES', format: 'JSONEachRow' })
  expect(await result.json()).toEqual([])
  await second.dispose()
})
