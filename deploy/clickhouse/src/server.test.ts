import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Engine, openEngine } from './engine.ts'
import { type EngineServer, serveEngine } from './server.ts'

let directory: string
let engine: Engine
let server: EngineServer
let client: ClickHouseClient

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-clickhouse-'))
  engine = unwrap(await openEngine(directory))
  server = await serveEngine(engine)
  const administrator = createClient({ url: server.url })
  await administrator.command({ query: 'CREATE DATABASE metering' })
  await administrator.close()
  client = createClient({
    url: server.url,
    database: 'metering',
    log: { level: ClickHouseLogLevel.OFF },
    compression: { request: true },
  })
  await client.command({
    query:
      'CREATE TABLE reading (id UInt64, label String, minutes Array(UInt8)) ENGINE = MergeTree ORDER BY id',
  })
})

afterEach(() => server.faults.clear())

afterAll(async () => {
  await client.close()
  await server.close()
  await engine.close()
  await rm(directory, { recursive: true })
})

async function rows(query: string, parameters: Record<string, unknown> = {}): Promise<unknown[]> {
  const result = await client.query({ query, query_params: parameters, format: 'JSONEachRow' })
  return result.json()
}

describe('the real client over HTTP', () => {
  test('pings', async () => {
    expect(await client.ping()).toEqual({ success: true })
    expect(await client.ping({ select: true })).toEqual({ success: true })
  })

  test.each(['plain', 'tab\tnewline\nquote\'s "q" back\\slash', 'grüße 🧾', '\\N', ''])(
    'carries the parameter %j unchanged',
    async (value) => {
      expect(await rows('SELECT {value:String} AS value', { value })).toEqual([{ value }])
    },
  )

  test('carries lists, null and the largest 64-bit number', async () => {
    const query =
      'SELECT {list:Array(String)} AS list, {none:Nullable(String)} AS none, toString({n:UInt64}) AS n'
    const parameters = { list: ["a'b", 'c\td'], none: null, n: 18446744073709551615n }
    expect(await rows(query, parameters)).toEqual([
      { list: ["a'b", 'c\td'], none: null, n: '18446744073709551615' },
    ])
  })

  test('inserts JSONEachRow into the database of the client', async () => {
    await client.insert({
      table: 'reading',
      format: 'JSONEachRow',
      values: [{ id: '18446744073709551615', label: "it's\n", minutes: [1, 2] }],
    })
    expect(await rows('SELECT toString(id) AS id, label, minutes FROM metering.reading')).toEqual([
      { id: '18446744073709551615', label: "it's\n", minutes: [1, 2] },
    ])
    await client.command({ query: 'TRUNCATE TABLE reading' })
  })

  test('moves Native both ways, matching columns by name', async () => {
    const native = await client.exec({
      query: `SELECT toString(number) AS label, number AS id FROM numbers(1000) FORMAT Native`,
    })
    await client.exec({ query: 'INSERT INTO reading (label, id) FORMAT Native', values: native.stream })
    const again = await client.exec({
      query: `SELECT label, id, [3]::Array(UInt8) AS minutes FROM reading FORMAT Native`,
    })
    await client.exec({
      query: 'INSERT INTO reading SETTINGS insert_deduplicate = 0 FORMAT Native',
      values: again.stream,
    })
    const query =
      'SELECT toString(count()) AS n, toString(sum(id)) AS total, max(toString(id) = label) AS same FROM reading'
    expect(await rows(query)).toEqual([{ n: '2000', total: '999000', same: 1 }])
    await client.command({ query: 'TRUNCATE TABLE reading' })
  })

  test('answers in tab-separated text when no format is named', async () => {
    const { stream } = await client.exec({ query: 'SELECT 1, 2' })
    expect(await text(stream)).toBe('1\t2\n')
  })

  test('accepts an insert of nothing', async () => {
    await client.exec({ query: 'INSERT INTO reading FORMAT Native', values: Readable.from([]) })
    expect(await rows('SELECT id FROM reading')).toEqual([])
  })

  test('applies a setting to one query only', async () => {
    const query = `SELECT getSetting('max_block_size') AS size`
    const set = await client.query({
      query,
      format: 'JSONEachRow',
      clickhouse_settings: { max_block_size: '77' },
    })
    expect(await set.json()).toEqual([{ size: 77 }])
    expect(await rows(query)).not.toEqual([{ size: 77 }])
  })

  test('serves queries at the same time', async () => {
    const started = performance.now()
    await Promise.all([1, 2, 3, 4].map(() => rows('SELECT sleep(0.3)')))
    expect(performance.now() - started).toBeLessThan(1000)
  })

  test.each([
    ['SELECT * FROM absent', '60', 'UNKNOWN_TABLE'],
    ['SELECT absent FROM reading', '47', 'UNKNOWN_IDENTIFIER'],
    ['SELEC 1', '62', 'SYNTAX_ERROR'],
    ['SELECT throwIf(1)', '395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
    ['CREATE TABLE reading (id UInt8) ENGINE = Memory', '57', 'TABLE_ALREADY_EXISTS'],
  ])('answers %s with exception %s', async (query, code, type) => {
    await expect(client.command({ query })).rejects.toMatchObject({ code, type })
  })

  test('rejects malformed Native', async () => {
    const values = Readable.from([Buffer.from('not native at all')])
    await expect(client.exec({ query: 'INSERT INTO reading FORMAT Native', values })).rejects.toThrow()
    expect(await rows('SELECT id FROM reading')).toEqual([])
  })
})

describe('faults', () => {
  const insert = () =>
    client.insert({ table: 'reading', format: 'JSONEachRow', values: [{ id: 1, label: '', minutes: [] }] })
  const count = async () => rows('SELECT toString(count()) AS n FROM reading')

  test('refuses connections, then accepts them again', async () => {
    await server.faults.set({ kind: 'refuse' })
    // The client's idle connection was cut; until it notices, that is what it reports.
    await expect(rows('SELECT 1')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/)
    await expect(rows('SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.faults.clear()
    expect(await rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('answers exceptions for so many matching queries', async () => {
    const fault = { kind: 'exception', code: 242, name: 'TABLE_IS_READ_ONLY' } as const
    await server.faults.set(fault, { times: 1, matching: /INSERT/ })
    expect(await count()).toEqual([{ n: '0' }])
    await expect(insert()).rejects.toMatchObject({ code: '242', type: 'TABLE_IS_READ_ONLY' })
    expect(await count()).toEqual([{ n: '0' }])
  })

  test('answers what is not ClickHouse', async () => {
    await server.faults.set({ kind: 'garbage' }, { times: 1 })
    await expect(count()).rejects.toThrow('Bad Gateway')
  })

  test('delays', async () => {
    await server.faults.set({ kind: 'delay', delayMs: 150 })
    const started = performance.now()
    await count()
    expect(performance.now() - started).toBeGreaterThan(140)
  })

  test('loses an answer after the query took effect', async () => {
    await server.faults.set({ kind: 'lose-answer' }, { times: 1 })
    await expect(insert()).rejects.toThrow()
    expect(await count()).toEqual([{ n: '1' }])
  })
})
