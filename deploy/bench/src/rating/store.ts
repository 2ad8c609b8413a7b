import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { openEngine } from '@vouch/clickhouse'
import { migrateClickHouse } from '@vouch/collector/clickhouse/migrate.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** A store with a lattice that the engine made up. */
export interface LatticeStore {
  readonly database: string
  connect(): Promise<ClickHouseClient>
  /** Goes on with the first streams until they have so many hours of the period. */
  prolong(streams: number, hours: number): Promise<void>
  close(): Promise<void>
}

/** How much is in it. */
export interface LatticeShape {
  readonly accounts: number
  readonly hours: number
}

/** Resources of an account; each has every meter. */
export const RESOURCES = 10
/** Meters, with the units of their registers and what they are sold in. */
export const METERS = [
  ['host.cpu.used', 'ms', 'core-hour'],
  ['host.cpu.allocated', 'ms', 'core-hour'],
  ['host.cpu.steal', 'ms', 'core-hour'],
  ['host.memory.held', 'MiB-second', 'GiB-hour'],
  ['host.memory.allocated', 'MiB-second', 'GiB-hour'],
  ['host.disk.used', 'MiB-second', 'GiB-hour'],
  ['host.disk.read', 'B', 'GB'],
  ['host.disk.written', 'B', 'GB'],
  ['host.network.received', 'B', 'GB'],
  ['host.network.transmitted', 'B', 'GB'],
] as const
/** Where the period begins; the lattice has a day before and a day after it. */
export const SINCE_MS = Date.UTC(2026, 0, 1)
/** Hours before and after the period. */
export const AROUND_HOURS = 24

const DATABASE = 'vouch'
const ROWS_AT_ONCE = 20_000_000
const AGENT = "toFixedString(unhex(hex(sipHash128('agent'))), 16)"
const STREAM = "toFixedString(unhex(hex(sipHash128('stream', s))), 16)"

/** Makes a store: of every stream a first and a last reading an hour, all of it covered. */
export async function makeLattice({ accounts, hours }: LatticeShape): Promise<LatticeStore> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-rating-'))
  const engine = unwrap(await openEngine(directory))
  const client = await engine.connect()
  unwrap(await migrateClickHouse(client, DATABASE))
  const streams = accounts * RESOURCES * METERS.length
  const names = METERS.map(([meter]) => `'${meter}'`).join(', ')
  const units = METERS.map(([, unit]) => `'${unit}'`).join(', ')
  await client.command({
    query: `INSERT INTO ${DATABASE}.streams (stream, agent, resource, meter, unit, kind, attributes, declared)
      SELECT ${STREAM}, ${AGENT}, concat('host:', toString(intDiv(s, ${METERS.length}))),
        [${names}][s % ${METERS.length} + 1], [${units}][s % ${METERS.length} + 1], 1, map(), fromUnixTimestamp64Milli(0, 'UTC')
      FROM (SELECT number AS s FROM numbers(${streams}))`,
  })
  const all = hours + 2 * AROUND_HOURS
  await fill(client, streams, { from: 0, until: all })
  return {
    database: DATABASE,
    connect: () => engine.connect(),
    prolong: (some, until) => fill(client, some, { from: all, until: until + AROUND_HOURS }),
    close: async () => {
      await engine.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Hours of streams, counted from the first one around the period. */
async function fill(
  client: ClickHouseClient,
  streams: number,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<void> {
  const sinceMs = SINCE_MS - AROUND_HOURS * 3_600_000
  const hoursAtOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / streams))
  for (let hour = from; hour < until; hour += hoursAtOnce) {
    const hours = Math.min(until - hour, hoursAtOnce)
    await client.command({
      query: `INSERT INTO ${DATABASE}.lattice
          (stream, epoch, hour, first_time, last_time, first_register, last_register, minutes)
        SELECT ${STREAM}, 1, toDateTime(${sinceMs / 1000} + h * 3600, 'UTC'),
          fromUnixTimestamp64Milli(toInt64(${sinceMs} + h * 3600000 + s % 60000), 'UTC'),
          fromUnixTimestamp64Milli(toInt64(${sinceMs} + h * 3600000 + 3540000 + s % 60000), 'UTC'),
          toUInt64(s * 1000003 + h * 3600000), toUInt64(s * 1000003 + h * 3600000 + 3540000), bitShiftLeft(toUInt64(1), 60) - 1
        FROM (SELECT intDiv(number, ${hours}) AS s, ${hour} + number % ${hours} AS h FROM numbers(${streams * hours}))
        SETTINGS insert_deduplicate = 0`,
    })
  }
}
