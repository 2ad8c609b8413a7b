import type { ClickHouseClient } from '@clickhouse/client'
import { create } from '@bufbuild/protobuf'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AdmittedBatch, Archive } from '../ports.ts'
import { admitted, archiveOn, openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import type { TestAgent } from '../testing/test-agent.ts'
import { createArchive } from './archive.ts'
import { embeddedInserter } from './insert.ts'
import type { Inserter } from './insert.ts'
import { Journal, SILENT_MS, recover } from './journal.ts'
import { createQueries } from './rows.ts'
import { ONE_NODE } from './topology.ts'

const OCTOBER_MS = Date.UTC(2026, 9, 31, 23, 59, 50)
const NOVEMBER_MS = Date.UTC(2026, 10, 24, 12)

let vouch: TestArchive
let real: Inserter
let reader: ClickHouseClient
beforeAll(async () => {
  vouch = await openTestArchive()
  reader = await vouch.connect()
  real = await embeddedInserter(await vouch.connect(), vouch.database)
})
afterAll(async () => {
  await real.close()
  await vouch.dispose()
})

/** Fails from the nth insert on, for so many: before it is done, or after. */
function failingFrom(nth: number, count: number, done: boolean): Inserter {
  let inserts = 0
  return {
    ...real,
    insert: async (block) => {
      const fails = ++inserts >= nth && inserts < nth + count
      if (!fails || done) await real.insert(block)
      if (fails) throw new Error('Code: 210. the connection is gone')
    },
  }
}

const recoverAll = (silentMs = 0, placesMax = 10_000): Promise<number> => {
  const place = { queries: createQueries(reader), database: vouch.database, topology: ONE_NODE }
  return recover({ ...place, inserter: real, placesMax }, silentMs)
}

const OLD: Fault = fail('READING_TOO_OLD', 'made up').fault

/** Over two months, with a loss, an empty one, and one that is set aside. */
function groupOf(agent: TestAgent): AdmittedBatch[] {
  const at = (timeMs: number, register: bigint) => ({ timeMs, register, spanMs: 10_000 })
  const lost = create(LossSchema, {
    fromMs: BigInt(OCTOBER_MS),
    toMs: BigInt(NOVEMBER_MS),
    readings: 7n,
    reason: LossReason.DISK_FULL,
  })
  return [
    admitted(agent.seal([at(OCTOBER_MS, 1n), at(OCTOBER_MS + 5_000, 5n)]), NOVEMBER_MS, undefined),
    admitted(agent.seal([at(OCTOBER_MS + 20_000, 9n)], { losses: [lost] }), NOVEMBER_MS, undefined),
    admitted(agent.seal([]), NOVEMBER_MS, undefined),
    admitted(agent.seal([at(0, 3n)]), NOVEMBER_MS, OLD),
    admitted(agent.seal([at(NOVEMBER_MS, 12n)]), NOVEMBER_MS, undefined),
  ]
}

/** Everything that is stored of an agent, but for who stored it. */
async function storedOf(agent: TestAgent): Promise<Record<string, unknown[]>> {
  const { database } = vouch
  const stream = `stream = unhex('${agent.stream.streamId.toHex()}')`
  const own = `agent = unhex('${agent.agentId.toHex()}')`
  const of = (select: string): Promise<unknown[]> => vouch.query(select)
  return {
    batches: await of(`SELECT sequence FROM ${database}.batches_v1 WHERE ${own} ORDER BY sequence`),
    readings: await of(
      `SELECT sequence, row, toString(time) AS at, register, span_ms, class FROM ${database}.readings_v1 WHERE ${stream} ORDER BY sequence, row`,
    ),
    hours: await of(
      `SELECT toString(hour) AS h, toString(first_time) AS first, toString(last_time) AS last, first_register, last_register, minutes FROM ${database}.usage_hours_v1 WHERE ${stream} ORDER BY h`,
    ),
    losses: await of(`SELECT sequence, readings, reason FROM ${database}.losses_v1 WHERE ${own}`),
    aside: await of(`SELECT sequence, code FROM ${database}.quarantine_v1 WHERE ${own} ORDER BY sequence`),
  }
}

async function commit(archive: Archive, batches: readonly AdmittedBatch[]): Promise<boolean> {
  return (await archive.commit({ streams: [], batches })).ok
}

describe('a commit that is cut', () => {
  /** Quarantine, the writer's name, batches of October and of November, segments, losses. */
  const INSERTS = 6

  it('has so many inserts', async () => {
    let inserts = 0
    const counting: Inserter = { ...real, insert: async (block) => (inserts++, real.insert(block)) }
    expect(await commit(archiveOn(vouch.database, counting, reader), groupOf(await vouch.enrol()))).toBe(true)
    expect(inserts).toBe(INSERTS)
  })

  it.each(
    Array.from({ length: INSERTS }, (_, index) => index + 1).flatMap((nth) => [
      { nth, done: false },
      { nth, done: true },
    ]),
  )(
    'at insert $nth (done: $done), and whose writer dies, is whole as far as its batches are there',
    async (cut) => {
      const [agent, witness] = [await vouch.enrol(), await vouch.enrol()]
      const archive = archiveOn(vouch.database, failingFrom(cut.nth, Infinity, cut.done), reader)
      expect(await commit(archive, groupOf(agent))).toBe(false)
      const { batches } = await storedOf(agent)
      await recoverAll()
      const there = groupOf(witness).filter(({ sequence }) =>
        batches!.some((row) => (row as { sequence: string }).sequence === String(sequence)),
      )
      await commit(archiveOn(vouch.database, real, reader), there)
      const { aside: _, ...stored } = await storedOf(agent)
      const { aside: __, ...expected } = await storedOf(witness)
      expect(stored).toEqual(expected)
      expect(stored['batches']).toEqual(batches)
    },
  )

  it.each(Array.from({ length: INSERTS }, (_, index) => ({ nth: index + 1 })))(
    'at insert $nth is whole before the same writer stores anything else',
    async ({ nth }) => {
      const [agent, other, witness] = [await vouch.enrol(), await vouch.enrol(), await vouch.enrol()]
      const archive = archiveOn(vouch.database, failingFrom(nth, 1, true), reader)
      const cut = groupOf(agent)
      expect(await commit(archive, cut)).toBe(false)
      expect(await commit(archive, groupOf(other))).toBe(true)
      const { batches } = await storedOf(agent)
      await commit(
        archiveOn(vouch.database, real, reader),
        groupOf(witness).slice(0, nth < 3 ? 0 : batches!.length),
      )
      const { aside: _, ...stored } = await storedOf(agent)
      const { aside: __, ...expected } = await storedOf(witness)
      expect(stored['readings']).toEqual(expected['readings'])
      expect(stored['losses']).toEqual(expected['losses'])
      // The agent sends again what has no receipt.
      expect(await commit(archive, cut)).toBe(true)
      expect((await storedOf(agent))['readings']).toHaveLength(4)
    },
  )
})

describe('writers', () => {
  const left = async (): Promise<number> => {
    const [row] = await vouch.query<{ open: string }>(
      `SELECT count() AS open FROM (SELECT writer FROM ${vouch.database}.writers GROUP BY writer HAVING max(state) < 2)`,
    )
    return Number(row!.open)
  }
  const journalAt = (clock: { nowMs: number }): Journal =>
    new Journal(
      { queries: createQueries(reader), inserter: real, database: vouch.database, topology: ONE_NODE },
      () => clock.nowMs,
    )
  const entry = { before: [], signed: () => [], after: [] }

  it('are not taken for dead while they may be writing', async () => {
    await recoverAll()
    await journalAt({ nowMs: 0 }).write(entry)
    expect(await recoverAll(SILENT_MS)).toBe(0)
    expect(await left()).toBe(1)
    await recoverAll()
    expect(await left()).toBe(0)
  })

  it.each([
    ['the engine says that it failed', 'Code: 243. not enough space', 3],
    ['nobody knows what became of it', 'socket hang up', 0],
  ])('whose insert is cut are made up for by others: %s', async (_, message, batches) => {
    await recoverAll()
    const failing = {
      ...real,
      insert: async (block: Parameters<Inserter['insert']>[0]) => {
        if (block.table === 'segments') throw new Error(message)
        await real.insert(block)
      },
    }
    const group = groupOf(await vouch.enrol()).slice(0, 3)
    expect(await commit(archiveOn(vouch.database, failing, reader), group)).toBe(false)
    expect(await recoverAll(SILENT_MS)).toBe(batches)
    expect(await recoverAll()).toBe(3 - batches)
  })

  it('end in order, and take a new name after a silence', async () => {
    await recoverAll()
    const clock = { nowMs: 0 }
    const journal = journalAt(clock)
    await journal.write(entry)
    clock.nowMs = 120_000
    await journal.write(entry)
    // The first may have been taken for dead meanwhile: nothing of it is left, but others are to find that.
    expect(await left()).toBe(2)
    await journal.end()
    expect(await left()).toBe(1)
    await recoverAll()
    expect(await left()).toBe(0)
  })

  it('take a new name also where the silence is noticed by the word that they are there', async () => {
    await recoverAll()
    const clock = { nowMs: 0 }
    const journal = journalAt(clock)
    await journal.write(entry)
    await journal.write(entry)
    clock.nowMs = 300_000
    await journal.say()
    await recoverAll()
    await journal.write(entry)
    expect(await left()).toBe(1)
  })

  it('whose commit is larger than a page leave nothing of it', async () => {
    await recoverAll()
    const agent = await vouch.enrol()
    expect(
      await commit(archiveOn(vouch.database, failingFrom(5, Infinity, false), reader), groupOf(agent)),
    ).toBe(false)
    expect(await recoverAll(0, 2)).toBe(5)
    expect((await storedOf(agent))['readings']).toHaveLength(4)
  })

  it('say how far they are, so that little is made up for', async () => {
    await recoverAll()
    const agent = await vouch.enrol()
    const clock = { nowMs: 0 }
    const journal = journalAt(clock)
    const archive = createArchive({ journal, reader, database: vouch.database, topology: ONE_NODE })
    const batches = groupOf(agent)
    for (const batch of batches.slice(0, 3)) expect(await commit(archive, [batch])).toBe(true)
    clock.nowMs = 20_000
    expect(await commit(archive, [batches[3]!])).toBe(true)
    expect(await commit(archive, [batches[4]!])).toBe(true)
    expect(await recoverAll()).toBe(1)
    expect(await recoverAll()).toBe(0)
  })
})
