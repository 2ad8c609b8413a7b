import { fail, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { DAY_MS, dayDigest, formatDay, openDay } from '@vouch/proto/seal/day.ts'
import { batchDigest } from '@vouch/proto/seal/batch.ts'
import { merkleRoot } from '@vouch/proto/seal/merkle.ts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { closeDay } from '../audit-task.ts'
import { createDayStore, storedDay, DAY_COLUMNS } from '../clickhouse/day-store.ts'
import type { DayRow } from '../clickhouse/day-store.ts'
import { ONE_NODE } from '../clickhouse/topology.ts'
import { openPool } from '../postgres/pool.ts'
import type { TestAgent } from '../testing/test-agent.ts'
import { openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import { SILENT } from '../testing/test-collector.ts'
import { closeNextDay } from './close.ts'
import type { DayStore, StoredDay } from './day-store.ts'

let vouch: TestArchive
let agent: TestAgent
beforeAll(async () => {
  vouch = await openTestArchive()
})
afterAll(() => vouch.dispose())
beforeEach(async () => {
  await vouch.clear()
  agent = await vouch.enrol()
})

// The day on which clocks in Berlin go forward, and the ones around it.
const FIRST_MS = Date.UTC(2026, 2, 28)
const HOUR_MS = 3_600_000

async function closeAll(nowMs: number, store: DayStore = vouch.days, graceMs = 0): Promise<StoredDay[]> {
  const closed: StoredDay[] = []
  for (;;) {
    const day = await closeNextDay({ store, signer: vouch.signer, now: () => nowMs, graceMs })
    if (day === undefined) return closed
    closed.push(day)
  }
}

/** Stores one batch for each instant; returns their digests. */
async function receive(...instants: readonly number[]): Promise<string[]> {
  const digests: string[] = []
  for (const receivedMs of instants) {
    const signed = agent.seal([{ timeMs: receivedMs - 1_000, register: agent.sequence }], {
      wallMs: receivedMs,
    })
    await vouch.store([signed], receivedMs)
    digests.push(batchDigest(signed.header).toHex())
  }
  return digests
}

async function leaves(): Promise<Map<string, string[]>> {
  const rows = await vouch.query<{ day: string; digest: string }>(
    `SELECT day, lower(hex(digest)) AS digest FROM ${vouch.database}.audit_leaves FINAL ORDER BY day, digest`,
  )
  const byDay = Map.groupBy(rows, ({ day }) => day)
  return new Map([...byDay].map(([day, own]) => [day, own.map(({ digest }) => digest)]))
}

/** Days as stored, with everything that must hold of them. */
async function checkedDays(): Promise<StoredDay[]> {
  const rows = await vouch.query<DayRow>(
    `SELECT ${DAY_COLUMNS} FROM ${vouch.database}.audit_days ORDER BY day`,
  )
  const days = rows.map((row) => storedDay(row))
  const under = await leaves()
  let previous: Uint8Array = new Uint8Array()
  for (const [index, day] of days.entries()) {
    const opened = unwrap(openDay(day.signed, vouch.signer.publicKey))
    const own = (under.get(opened.day) ?? []).map((hex) => Uint8Array.fromHex(hex))
    expect(opened).toMatchObject({ startMs: days[0]!.startMs + index * DAY_MS, batches: BigInt(own.length) })
    expect(opened.root.toHex()).toBe(merkleRoot(own).toHex())
    expect(opened.previousDigest.toHex()).toBe(previous.toHex())
    expect([day.batches, day.root.toHex()]).toEqual([own.length, opened.root.toHex()])
    previous = dayDigest(day.signed.dayRoot)
  }
  return days
}

describe('law: every batch comes under exactly one root', () => {
  it('whenever it was received, stored late or repeated, and whenever days are closed', async () => {
    const offset = fc.oneof(
      fc.integer({ min: 0, max: 4 * DAY_MS - 1 }),
      fc.constantFrom(0, DAY_MS - 1, DAY_MS, 2 * DAY_MS - 1, 2 * DAY_MS, 3 * DAY_MS),
    )
    const step = fc.record({ offset, closeAt: fc.option(offset, { nil: undefined }), twice: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        await vouch.clear()
        const received = new Map<string, number>()
        for (const { offset: at, closeAt, twice } of steps) {
          const [digest] = await receive(FIRST_MS + at)
          received.set(digest!, FIRST_MS + at)
          if (twice) await vouch.command(repeatSql())
          if (closeAt !== undefined) await closeAll(FIRST_MS + closeAt)
        }
        await closeAll(FIRST_MS + 5 * DAY_MS)
        await checkedDays()
        const under = [...(await leaves())].flatMap(([day, digests]) => digests.map((d) => [d, day] as const))
        expect(under.map(([digest]) => digest).toSorted()).toEqual([...received.keys()].toSorted())
        for (const [digest, day] of under) expect(day >= formatDay(received.get(digest)!)).toBe(true)
      }),
      { numRuns: 8 },
    )
  }, 60_000)
})

function repeatSql(): string {
  return `INSERT INTO ${vouch.database}.batches SELECT * FROM ${vouch.database}.batches SETTINGS insert_deduplicate = 0`
}

describe('the days', () => {
  it('are UTC days, also where clocks change: midnight belongs to the day that begins', async () => {
    const instants = [0, HOUR_MS, 2 * HOUR_MS, DAY_MS - 1, DAY_MS, DAY_MS + 1].map(
      (ms) => FIRST_MS + DAY_MS + ms,
    )
    const digests = await receive(...instants)
    await closeAll(FIRST_MS + 4 * DAY_MS)
    expect(await leaves()).toEqual(
      new Map([
        ['2026-03-29', digests.slice(0, 4).toSorted()],
        ['2026-03-30', digests.slice(4).toSorted()],
      ]),
    )
  })

  it('wait for their grace, are closed one by one, and empty ones too', async () => {
    expect(await closeAll(FIRST_MS + 9 * DAY_MS)).toEqual([])
    await receive(FIRST_MS + 5, FIRST_MS + 3 * DAY_MS)
    expect(await closeAll(FIRST_MS + DAY_MS + HOUR_MS - 1, vouch.days, HOUR_MS)).toEqual([])
    expect(await closeAll(FIRST_MS + DAY_MS + HOUR_MS, vouch.days, HOUR_MS)).toHaveLength(1)
    expect((await closeAll(FIRST_MS + 5 * DAY_MS)).map(({ batches }) => batches)).toEqual([0, 0, 1, 0])
    expect(await checkedDays()).toHaveLength(5)
  })

  it('after the clock stepped back, take what was received on closed days under the next root', async () => {
    await receive(FIRST_MS + 2 * DAY_MS)
    await closeAll(FIRST_MS + 3 * DAY_MS)
    const late = await receive(FIRST_MS + 2 * DAY_MS + 7, FIRST_MS - DAY_MS)
    expect(await closeAll(FIRST_MS + HOUR_MS)).toEqual([])
    await closeAll(FIRST_MS + 4 * DAY_MS)
    expect((await leaves()).get(formatDay(FIRST_MS + 3 * DAY_MS))).toEqual(late.toSorted())
    await checkedDays()
  })

  it('begin at most 400 days back, whatever a wrong clock has stamped', async () => {
    await receive(HOUR_MS, FIRST_MS)
    const first = await closeNextDay({
      store: vouch.days,
      signer: vouch.signer,
      now: () => FIRST_MS + 2 * DAY_MS,
      graceMs: 0,
    })
    expect(first).toMatchObject({ startMs: FIRST_MS - 398 * DAY_MS, batches: 1 })
  })
})

describe('faults', () => {
  it('a crash between leaves and root is made good by closing again', async () => {
    await receive(FIRST_MS + 1, FIRST_MS + 2)
    const addDay = (): never =>
      throwFault('STORE_UNAVAILABLE', 'ClickHouse: gone before the root was written')
    await expect(closeAll(FIRST_MS + DAY_MS, { ...vouch.days, addDay })).rejects.toThrow('STORE_UNAVAILABLE')
    expect([...(await leaves()).values()]).toMatchObject([{ length: 2 }])
    expect(await vouch.days.lastDay()).toBeUndefined()
    await receive(FIRST_MS + 3)
    expect(await closeAll(FIRST_MS + DAY_MS)).toMatchObject([{ batches: 3 }])
    expect(await closeAll(FIRST_MS + DAY_MS)).toEqual([])
    await checkedDays()
  })

  it('closed by several at once, each day has one root; the lock is free again after a fault', async () => {
    await receive(...Array.from({ length: 4 }, (_, day) => FIRST_MS + day * DAY_MS))
    const pools = [vouch.pool, openPool(vouch.postgresUrl, SILENT), openPool(vouch.postgresUrl, SILENT)]
    const parts = { signer: vouch.signer, now: () => FIRST_MS + 4 * DAY_MS, graceMs: 0 }
    const broken = {
      ...vouch.days,
      lastDay: () => unwrap<never>(fail('STORE_UNAVAILABLE', 'ClickHouse: gone')),
    }
    await expect(closeDay({ ...parts, store: broken, pool: pools[0]! })).rejects.toThrow('STORE_UNAVAILABLE')
    const closed = await Promise.all(
      pools.map(async (pool) => {
        const store = createDayStore(await vouch.connect(), vouch.database, ONE_NODE)
        const own: number[] = []
        for (let turn = 0; turn < 4; turn++) {
          const day = await closeDay({ ...parts, store, pool })
          if (day !== undefined) own.push(day.startMs)
        }
        return own
      }),
    )
    for (;;) if ((await closeDay({ ...parts, store: vouch.days, pool: vouch.pool })) === undefined) break
    expect(new Set(closed.flat()).size).toBe(closed.flat().length)
    expect(await checkedDays()).toHaveLength(4)
    await Promise.all(pools.slice(1).map((pool) => pool.end()))
  })
})
