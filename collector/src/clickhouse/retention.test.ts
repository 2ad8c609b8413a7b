import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { Session } from 'chdb'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { retentionPolicy } from '../retention/policy.ts'
import type { RetentionPolicy, RetentionSettings } from '../retention/policy.ts'
import { retentionReport } from '../retention/report.ts'
import { clickhouseFactory } from './connect.ts'
import { migrateClickHouse } from './migrate.ts'
import { applyRetention, retentionStates, storedRows } from './retention.ts'
import { ONE_NODE } from './topology.ts'

const DATABASE = 'vouch'
const PLACE = { database: DATABASE, topology: ONE_NODE }
const NONE: RetentionSettings = {
  retentionReadingsDays: undefined,
  retentionHoursDays: undefined,
  retentionBatchesDays: undefined,
  retentionColdAfterDays: undefined,
  retentionClasses: undefined,
  clickhouseStoragePolicy: undefined,
  clickhouseColdVolume: 'cold',
  ageMaxMs: 86_400_000,
}
const policy = (settings: Partial<RetentionSettings>): RetentionPolicy =>
  unwrap(retentionPolicy({ ...NONE, ...settings }))

let directory: string
let session: Session
let clients: ClickHouseClient[]
const said: { level: string; message: string }[] = []
const say =
  (level: string) =>
  (_: object, message: string): void =>
    void said.push({ level, message })
const logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }

/** The engine with a second disk, as a server's configuration would have it. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-retention-'))
  const cold = join(directory, 'cold')
  await mkdir(cold)
  const config = join(directory, 'config.xml')
  await writeFile(
    config,
    `<clickhouse><storage_configuration>
      <disks><slow><type>local</type><path>${cold}/</path></slow></disks>
      <policies><tiered><volumes>
        <default><disk>default</disk></default><cold><disk>slow</disk></cold>
      </volumes></tiered></policies>
    </storage_configuration></clickhouse>`,
  )
  // What the first connection is opened with is the configuration of the engine in this process.
  session = new Session(join(directory, 'clickhouse'), { connectionArgs: [`--config-file=${config}`] })
  const open = clickhouseFactory({ clickhouseUrl: undefined, dataDir: directory })
  clients = [await open(), await open()]
  unwrap(await migrateClickHouse(clients[0]!, DATABASE))
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  session.close()
  await rm(directory, { recursive: true, force: true })
})
beforeEach(async () => {
  unwrap(await apply({}))
  for (const table of ['segments', 'lattice', 'batches', 'retention_log'])
    await clients[0]!.command({ query: `TRUNCATE TABLE ${DATABASE}.${table}` })
  said.length = 0
})

const apply = (settings: Partial<RetentionSettings>, client = clients[0]!) =>
  applyRetention(client, PLACE, policy(settings), logger)

async function rows<T>(query: string): Promise<T[]> {
  return (await clients[0]!.query({ query, format: 'JSONEachRow' })).json<T>()
}

/** A reading a day for so many days back, of each class; the lattice follows. */
async function fill(days: number, classes: readonly string[]): Promise<void> {
  for (const [index, name] of classes.entries()) {
    await clients[0]!.command({
      query: `INSERT INTO ${DATABASE}.segments (stream, epoch, first_time, last_time, run, sequence, class, times, registers, spans)
        SELECT toFixedString('${index}', 16), 1, now64(3) - toIntervalDay(number) - toIntervalHour(1) AS time, time,
          toFixedString('r', 16), number, '${name}', [time], [10000 - number], [0] FROM numbers(${days})`,
    })
  }
}

async function remaining(table: string): Promise<Record<string, number>> {
  await clients[0]!.command({ query: `OPTIMIZE TABLE ${DATABASE}.${table} FINAL` })
  const found = await rows<{ class: string; rows: number }>(
    `SELECT class, toUInt32(count()) AS rows FROM ${DATABASE}.${table} GROUP BY class`,
  )
  return Object.fromEntries(found.map((row) => [row.class, row.rows]))
}

const BY_CLASS = {
  retentionReadingsDays: 30,
  retentionHoursDays: 60,
  retentionClasses: new Map([
    ['host.cpu', { readingsDays: 10 }],
    ['host.disk', { readingsDays: 50, hoursDays: undefined }],
  ]),
}

describe('retention on the engine', () => {
  it('deletes by class, and rows without a class last', async () => {
    await fill(100, ['host.cpu', 'host.disk', 'host.network', ''])
    expect(unwrap(await apply(BY_CLASS))).toEqual(['segments', 'lattice', 'batches'])
    expect(await remaining('segments')).toEqual({
      'host.cpu': 10,
      'host.disk': 50,
      'host.network': 30,
      '': 50,
    })
    expect(await remaining('lattice')).toEqual({
      'host.cpu': 60,
      'host.disk': 100,
      'host.network': 60,
      '': 100,
    })
  })

  it('is set once, whoever and how often', async () => {
    expect(unwrap(await apply(BY_CLASS))).toHaveLength(3)
    expect(unwrap(await apply(BY_CLASS))).toEqual([])
    expect(unwrap(await apply(BY_CLASS, clients[1]))).toEqual([])
    expect(said.map(({ level }) => level)).toEqual(['info', 'info', 'info'])
    expect(await rows(`SELECT applied FROM ${DATABASE}.retention_log ORDER BY at, applied`)).toEqual([
      { applied: 0 },
      { applied: 1 },
    ])
  })

  it('by two at once gives one policy', async () => {
    const results = await Promise.all(clients.map((client) => apply(BY_CLASS, client)))
    results.forEach((result) => unwrap(result))
    expect(unwrap(await apply(BY_CLASS))).toEqual([])
    const ended = await Promise.all(clients.map((client) => apply({}, client)))
    ended.forEach((result) => unwrap(result))
    expect(unwrap(await apply({}))).toEqual([])
  })

  it('of another collector is replaced, and the log says so', async () => {
    unwrap(await apply({ retentionReadingsDays: 30 }))
    said.length = 0
    expect(unwrap(await apply({ retentionReadingsDays: 40 }))).toEqual(['segments', 'batches'])
    expect(said.map(({ level }) => level)).toEqual(['warn', 'warn'])
    expect(said[0]!.message).toContain('all collectors of a database must have the same settings')
    unwrap(await apply({}))
    await fill(50, ['host.cpu'])
    expect(await remaining('segments')).toEqual({ 'host.cpu': 50 })
  })

  it('moves to the cold volume what is old, and reads it from there', async () => {
    await fill(100, ['host.cpu'])
    const tiered = {
      ...BY_CLASS,
      retentionClasses: undefined,
      retentionReadingsDays: 90,
      retentionHoursDays: 90,
    }
    const cold = { ...tiered, retentionColdAfterDays: 40, clickhouseStoragePolicy: 'tiered' }
    unwrap(await apply(cold))
    expect(await remaining('segments')).toEqual({ 'host.cpu': 90 })
    const disks = await rows<{ disk: string; newest: string }>(
      `SELECT DISTINCT disk_name AS disk FROM system.parts WHERE active AND database = '${DATABASE}' AND table = 'segments' ORDER BY disk`,
    )
    expect(disks).toEqual([{ disk: 'default' }, { disk: 'slow' }])
    expect(unwrap(await apply(cold))).toEqual([])
  })

  it('STORE_UNAVAILABLE where the policy has no such volume: nothing is altered', async () => {
    const nowhere = {
      retentionColdAfterDays: 40,
      clickhouseStoragePolicy: 'tiered',
      clickhouseColdVolume: 'ice',
    }
    expect(await apply(nowhere)).toMatchObject({
      fault: { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('ice') },
    })
    expect((await retentionStates(clients[0]!, PLACE, policy({}))).map(({ inForce }) => inForce.ttl)).toEqual(
      ['', '', ''],
    )
  })

  it('is shown beside what is in force and what is stored', async () => {
    await fill(20, ['host.cpu', 'host.disk'])
    unwrap(await apply({ retentionReadingsDays: 15 }))
    await remaining('segments')
    const wanted = policy({ retentionReadingsDays: 18 })
    const states = await retentionStates(clients[0]!, PLACE, wanted)
    const text = retentionReport(wanted, states, await storedRows(clients[0]!, PLACE))
    expect(text).toContain('readings 18 days, hours for ever, batches 18 days')
    expect(text).toMatch(
      /segments: toDateTime\(last_time\) \+ toIntervalDay\(15\), .*differs from what is configured/,
    )
    expect(text).toMatch(/lattice: for ever, storage policy \w+\n/)
    expect(text).toMatch(/segments +host\.cpu +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ +15 +[1-9]\d*\n/)
    expect(text).toMatch(/batches +- +- +0 +0\n/)
  })
})
