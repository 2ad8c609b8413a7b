import { createTestEngine } from '@vouch/clickhouse'
import type { TestEngine } from '@vouch/clickhouse'
import type { ClickHouseClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrateClickHouse, readMigrations, statementsOf } from './migrate.ts'

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2026, 9, 31, 20)
/** What an hour has that no reading is of, only a span. */
const NEUTRAL = ['2299-12-31 23:59:59.999', '1970-01-01 00:00:00.000', '18446744073709551615', '0']

interface Reading {
  readonly timeMs: number
  readonly register: bigint
  readonly spanMs: number
}

let engine: TestEngine
let client: ClickHouseClient
beforeAll(async () => {
  engine = await createTestEngine()
  client = await engine.connect()
})
afterAll(async () => {
  await client.close()
  await engine.dispose()
})

const query = async <T>(sql: string): Promise<T[]> =>
  (
    await client.query({
      query: `${sql} SETTINGS output_format_json_quote_64bit_integers = 1`,
      format: 'JSONEachRow',
    })
  ).json<T>()
const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`
const shown = (ms: number): string => new Date(ms).toISOString().slice(0, -1).replace('T', ' ')

/** Steps in time up to three hours, in spans up to two. */
const series = fc
  .array(
    fc.record({
      stepMs: fc.oneof(fc.constant(10_000), fc.integer({ min: 1, max: 3 * HOUR_MS })),
      rise: fc.bigInt(0n, 2n ** 50n),
      spanMs: fc.oneof(fc.constant(0), fc.constant(10_000), fc.integer({ min: 0, max: 2 * HOUR_MS })),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) => {
    let [timeMs, register] = [START_MS, 0n]
    return steps.map(({ stepMs, rise, spanMs }): Reading => ({
      timeMs: (timeMs += stepMs),
      register: (register += rise),
      spanMs,
    }))
  })

/** The lattice reading by reading, as the engine spells it. */
function hoursOf(readings: readonly Reading[]): unknown[] {
  const hours = new Map<number, { readonly own: Reading[]; minutes: bigint }>()
  for (const reading of readings) {
    const sinceMs = reading.timeMs - reading.spanMs
    const ownHour = Math.floor(reading.timeMs / HOUR_MS)
    for (let hour = Math.floor(sinceMs / HOUR_MS); hour <= ownHour; hour++) {
      const state = hours.get(hour) ?? { own: [], minutes: 0n }
      hours.set(hour, state)
      if (hour === ownHour) state.own.push(reading)
      const startMs = hour * HOUR_MS
      for (let minute = 0; minute < 60; minute++) {
        const [from, to] = [startMs + minute * 60_000, startMs + (minute + 1) * 60_000]
        if (sinceMs < to && reading.timeMs >= from) state.minutes |= 1n << BigInt(minute)
      }
    }
  }
  return [...hours]
    .toSorted(([a], [b]) => a - b)
    .map(([hour, { own, minutes }]) => {
      const [first, last] = [own[0], own.at(-1)]
      const state =
        first === undefined || last === undefined
          ? NEUTRAL
          : [shown(first.timeMs), shown(last.timeMs), String(first.register), String(last.register)]
      return { hour: shown(hour * HOUR_MS).slice(0, 19), state, minutes: String(minutes) }
    })
}

function segmentSql(stream: string, sequence: number, readings: readonly Reading[]): string {
  const list = (pick: (reading: Reading) => string): string => `[${readings.map(pick).join(', ')}]`
  return `INSERT INTO ${engine.database}.segments (stream, epoch, first_time, last_time, run, sequence, first_row, times, registers, spans)
    SELECT toFixedString(unhex('${stream}'), 16), 1, ${instant(readings[0]!.timeMs)}, ${instant(readings.at(-1)!.timeMs)},
      toFixedString('run', 16), ${sequence}, 3, ${list(({ timeMs }) => instant(timeMs))},
      ${list(({ register }) => `toUInt64(${register})`)}, ${list(({ spanMs }) => `toUInt32(${spanMs})`)}`
}

const storedHours = (stream: string): Promise<unknown[]> =>
  query(`SELECT toString(hour) AS hour, [toString(first_time), toString(last_time), toString(first_register), toString(last_register)] AS state,
    minutes FROM ${engine.database}.usage_hours_v1 WHERE stream = unhex('${stream}') ORDER BY hour`)
const storedReadings = (stream: string): Promise<unknown[]> =>
  query(`SELECT toUnixTimestamp64Milli(time) AS time, register, span_ms, sequence, row
    FROM ${engine.database}.readings_v1 WHERE stream = unhex('${stream}') ORDER BY time, sequence, row`)

it('rows of before are carried over: the same readings, the same hours, nothing twice', async () => {
  const migrations = await readMigrations()
  const run = async (sql: string): Promise<void> => void (await client.command({ query: sql }))
  for (const migration of migrations.filter(({ version }) => version <= 3))
    for (const sql of statementsOf(migration, engine.database)) await run(sql)
  // Two segments of a stream in one batch with another's between them, an hour's end inside, and a second epoch;
  // a segment that begins before the one that it stands after; and all of it stored twice.
  await run(`INSERT INTO ${engine.database}.readings (stream, epoch, time, register, span_ms, run, sequence, row)
    SELECT toFixedString(unhex(if(number = 7, '${'bb'.repeat(16)}', '${'aa'.repeat(16)}')), 16), if(number < 12, 1, 2),
      ${instant(START_MS)} + toIntervalMinute(number * 9), number * 100, 540000, toFixedString('run', 16),
      1 + intDiv(number, 15), number % 15 FROM numbers(20)`)
  await run(`INSERT INTO ${engine.database}.readings (stream, epoch, time, register, span_ms, run, sequence, row)
    SELECT toFixedString('late', 16), 1, ${instant(START_MS)} + toIntervalMinute(if(number < 3, number + 9, number)), number, 0,
      toFixedString('run', 16), 9, number FROM numbers(6)`)
  await run(`INSERT INTO ${engine.database}.readings SELECT * FROM ${engine.database}.readings`)
  const read = async (): Promise<unknown[]> => [
    await query(`SELECT stream, epoch, toUnixTimestamp64Milli(time) AS time, register, span_ms, lower(hex(run)) AS run, sequence, row
      FROM ${engine.database}.readings_v1 ORDER BY stream, epoch, time`),
    await query(`SELECT * FROM ${engine.database}.usage_hours_v1 ORDER BY stream, epoch, hour`),
  ]
  const before = await read()
  for (let round = 0; round < 2; round++) {
    unwrap(await migrateClickHouse(client, engine.database))
    expect(await read()).toEqual(before)
    // As if a node had come that has nothing yet: all is run again.
    await run(`TRUNCATE TABLE ${engine.database}.migrations`)
  }
  expect(await query(`SELECT count() AS n FROM ${engine.database}.segments FINAL`)).toEqual([{ n: '26' }])
  unwrap(await migrateClickHouse(client, engine.database))
})

describe('a segment', () => {
  let next = 0
  const streamName = (): string => (++next).toString(16).padStart(32, '0')

  it('feeds the hours as its readings would, one by one', async () => {
    await fc.assert(
      fc.asyncProperty(series, async (readings) => {
        const stream = streamName()
        await client.command({ query: segmentSql(stream, 1, readings) })
        expect(await storedHours(stream)).toEqual(hoursOf(readings))
      }),
      { numRuns: 60 },
    )
  })

  it('is read as its readings, once, however often it is stored and however the readings are cut', async () => {
    await fc.assert(
      fc.asyncProperty(series, fc.nat(11), async (readings, cut) => {
        const stream = streamName()
        const parts = [readings.slice(0, cut), readings.slice(cut)].filter(({ length }) => length > 0)
        for (const _ of [1, 2])
          for (const [index, part] of parts.entries())
            await client.command({ query: segmentSql(stream, index, part) })
        expect(await storedReadings(stream)).toEqual(
          parts.flatMap((part, index) =>
            part.map(({ timeMs, register, spanMs }, row) => ({
              time: String(timeMs),
              register: String(register),
              span_ms: spanMs,
              sequence: String(index),
              row: 3 + row,
            })),
          ),
        )
        expect(await storedHours(stream)).toEqual(hoursOf(readings))
      }),
      { numRuns: 30 },
    )
  })
})
