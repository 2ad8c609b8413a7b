import { FaultError, fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { DAY_MS } from '@vouch/proto/seal/day.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkArchive } from '../audit-check.ts'
import { leafPages } from '../clickhouse/day-store.ts'
import { createQueries } from '../clickhouse/rows.ts'
import type { Queries } from '../clickhouse/rows.ts'
import { storedDays } from '../clickhouse/stored-days.ts'
import { collectorKeys } from '../postgres/fleet.ts'
import { CASES } from '../testing/tamper-cases.ts'
import { DAYS, FIRST_MS, dayName, digestOf, remove, sealFor, whereDigest } from '../testing/tampering.ts'
import type { Witness } from '../testing/tampering.ts'
import { openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import { closeNextDay } from './close.ts'
import { exportDays } from './day-export.ts'

let vouch: TestArchive
let queries: Queries
const witnesses = new Map<string, Witness>()
let untampered = ''
let report = ''
let kept = ''

beforeAll(async () => {
  vouch = await openTestArchive()
  queries = createQueries(await vouch.connect())
  for (const { name } of CASES) witnesses.set(name, { agent: await vouch.enrol(), batches: [] })
  witnesses.set('untouched', { agent: await vouch.enrol(), batches: [] })
  for (const receivedMs of [1_000, DAY_MS - 1, DAY_MS, DAY_MS + 5_000, 2 * DAY_MS, 2 * DAY_MS + 1].map(
    (ms) => FIRST_MS + ms,
  ))
    await vouch.store(
      [...witnesses.values()].map((witness) => sealFor(witness, receivedMs)),
      receivedMs,
    )
  for (let day = 3; day <= DAYS; day++) {
    const receivedMs = FIRST_MS + day * DAY_MS + 7
    await vouch.store([sealFor(witnesses.get('untouched')!, receivedMs)], receivedMs)
  }
  await closeDays()
  kept = await exported()
  untampered = await check(kept)
  for (const { name, tamper } of CASES) await tamper(witnesses.get(name)!, vouch)
  report = await check(kept)
}, 120_000)
afterAll(() => vouch.dispose())

async function closeDays(): Promise<void> {
  const now = (): number => FIRST_MS + DAYS * DAY_MS
  while ((await closeNextDay({ store: vouch.days, signer: vouch.signer, now, graceMs: 0 })) !== undefined);
}

const sources = async () => ({
  collectorKeys: unwrap(await collectorKeys(vouch.pool)),
  leaves: (startMs: number) => leafPages(queries, vouch.database, startMs),
})

async function exported(withLeaves = true): Promise<string> {
  return exportDays(await storedDays(queries, vouch.database), await sources(), withLeaves)
}

/** What the check says; every finding is on a line of its own. */
async function check(against?: string, readings = true): Promise<string> {
  try {
    return await checkArchive({
      ...(await sources()),
      queries,
      database: vouch.database,
      against,
      readings,
      nowMs: Date.now(),
    })
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === 'PROOF_MISMATCH') return error.fault.message
    throw error
  }
}

describe('what was done to the archive is found and named', () => {
  it.each(CASES)('$name', ({ name, says }) => {
    for (const pattern of says(witnesses.get(name)!)) expect(report).toMatch(new RegExp(pattern))
  })

  it('and nothing is said of what was left alone', () => {
    expect(untampered).toContain('10 days of the export are stored as they were exported')
    expect(report).toMatch(/^\d+ items do not fit\n/)
    expect(report).not.toContain(witnesses.get('untouched')!.agent.agentId.toHex())
    expect(report).not.toContain(`day ${dayName(9)}: its leaves`)
  })
})

describe('a history written anew, with the keys of the collector', () => {
  it('fits in itself, and not an export kept elsewhere', async () => {
    await vouch.clear()
    const witness: Witness = { agent: await vouch.enrol(), batches: [] }
    await vouch.store([sealFor(witness, FIRST_MS)], FIRST_MS)
    await closeDays()
    const [before, bare] = [await exported(), await exported(false)]
    await vouch.clear()
    await vouch.store([sealFor({ ...witness, batches: [] }, FIRST_MS)], FIRST_MS)
    await remove(vouch, 'batches', whereDigest(witness, 0))
    await closeDays()
    const text = await check(before, false)
    expect(text).toContain(
      `day ${dayName(0)}: was exported with another root than the one that is stored now`,
    )
    expect(text).toContain(`batch ${digestOf(witness, 0)} was under it at the export, and is not any more`)
    expect(await check(bare, false)).toContain(`day ${dayName(9)}: was exported with another root`)
  }, 30_000)

  it('an export that was changed itself is no evidence', async () => {
    const forged = kept.replace(/"signature": "...../, '"signature": "AAAAA')
    expect(await check(forged, false)).toContain(
      'the export: days[0] is not signed by a key that the export lists',
    )
    await expect(check('x')).rejects.toThrow('PROOF_MALFORMED')
    await expect(check('{}')).rejects.toThrow('PROOF_MALFORMED')
  })
})

it('what was set aside, stored twice, or signed twice is no finding', async () => {
  await vouch.clear()
  const witness: Witness = { agent: await vouch.enrol(), batches: [] }
  const { agent } = witness
  await vouch.store([sealFor(witness, FIRST_MS)], FIRST_MS)
  const reading = { timeMs: FIRST_MS + 1, register: 99n }
  await vouch.store([agent.seal([reading]), agent.seal([reading])], FIRST_MS + 1)
  await vouch.store(
    [agent.seal([{ timeMs: 1, register: 1n }])],
    FIRST_MS + 2,
    fail('READING_TOO_OLD', 'old').fault,
  )
  agent.sequence += 2n
  await vouch.store(
    [agent.seal([{ timeMs: 2, register: 2n }])],
    FIRST_MS + 3,
    fail('SEQUENCE_GAP', 'gap').fault,
  )
  await closeDays()
  await vouch.command(
    `INSERT INTO ${vouch.database}.batches SELECT * FROM ${vouch.database}.batches SETTINGS insert_deduplicate = 0`,
  )
  expect(await check(await exported())).toBe(
    [
      '5 batches: digests, bodies, signatures and chains fit.',
      '10 days: leaves, roots, chain and signatures fit.',
      '10 days of the export are stored as they were exported.',
      '5 readings are what the signed bodies say.',
      '',
    ].join('\n'),
  )
}, 30_000)

it('roots that were taken off the end are missed, as far as their leaves are there', async () => {
  await vouch.clear()
  const witness: Witness = { agent: await vouch.enrol(), batches: [] }
  for (const receivedMs of [0, 1, 2].map((day) => FIRST_MS + day * DAY_MS))
    await vouch.store([sealFor(witness, receivedMs)], receivedMs)
  await closeDays()
  await remove(vouch, 'audit_days', `day > '${dayName(0)}'`)
  const rootless = (day: number): string => `day ${dayName(day)}: has 1 leaves, and no root any more`
  const short = await check(undefined, false)
  expect(short).toContain(rootless(2))
  // This one may be being closed.
  expect(short).not.toContain(rootless(1))
  await remove(vouch, 'audit_days', 'true')
  const none = await check(undefined, false)
  expect(none).toContain(rootless(1))
  expect(none).toContain(rootless(2))
}, 30_000)
