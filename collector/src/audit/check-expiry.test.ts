import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { batchDigest } from '@vouch/proto/seal/batch.ts'
import { DAY_MS, dayStart } from '@vouch/proto/seal/day.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkArchive } from '../audit-check.ts'
import { leafPages } from '../clickhouse/day-store.ts'
import { applyRetention } from '../clickhouse/retention.ts'
import { createQueries } from '../clickhouse/rows.ts'
import { ONE_NODE } from '../clickhouse/topology.ts'
import { collectorKeys } from '../postgres/fleet.ts'
import { retentionPolicy } from '../retention/policy.ts'
import { remove, replace } from '../testing/tampering.ts'
import { openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import { SILENT } from '../testing/test-collector.ts'
import { closeNextDay } from './close.ts'

const DAYS = 9
const KEPT_DAYS = 4
const FIRST_MS = dayStart(Date.now()) - DAYS * DAY_MS

let vouch: TestArchive
const digests: string[] = []
beforeAll(async () => {
  vouch = await openTestArchive()
  const agent = await vouch.enrol()
  for (let day = 0; day < DAYS; day++) {
    const receivedMs = FIRST_MS + day * DAY_MS + 20_000
    // The sixth comes late: what it tells of is older than all that is kept.
    const timeMs = day === 5 ? FIRST_MS : receivedMs - 1_000
    const signed = agent.seal([{ timeMs, register: 5n }], { wallMs: receivedMs })
    digests.push(batchDigest(signed.header).toHex())
    await vouch.store([signed], receivedMs)
  }
  const now = (): number => FIRST_MS + DAYS * DAY_MS
  while ((await closeNextDay({ store: vouch.days, signer: vouch.signer, now, graceMs: 0 })) !== undefined);
}, 60_000)
afterAll(() => vouch.dispose())

/** What the check says, sound or not. */
async function check(nowMs = Date.now()): Promise<string> {
  const { database } = vouch
  const queries = createQueries(await vouch.connect())
  const collector = unwrap(await collectorKeys(vouch.pool))
  const leaves = (startMs: number) => leafPages(queries, database, startMs)
  try {
    return await checkArchive({
      queries,
      database,
      leaves,
      nowMs,
      collectorKeys: collector,
      against: undefined,
      readings: true,
    })
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === 'PROOF_MISMATCH') return error.fault.message
    throw error
  }
}

/** Keeps a batch as rating does for an issued document. */
async function pin(day: number): Promise<void> {
  const columns = `agent, run, sequence, digest, previous, key_id, header, body, signature, first_time, last_time, rows, received,
    clock_offset_ms, final, receipt, late_ms`
  await vouch.command(
    `INSERT INTO ${vouch.database}.evidence SELECT ${columns}, 'INV-1', now64(3) + toIntervalYear(1)
    FROM ${vouch.database}.batches WHERE digest = unhex('${digests[day]}')`,
  )
}

it('what retention has deleted is no tampering, and what it cannot have deleted is', async () => {
  expect(await check()).toBe(
    [
      '9 batches: digests, bodies, signatures and chains fit.',
      '9 days: leaves, roots, chain and signatures fit.',
      '9 readings are what the signed bodies say.',
      '',
    ].join('\n'),
  )
  await pin(2)
  const settings = { retentionReadingsDays: KEPT_DAYS, retentionHoursDays: undefined, ageMaxMs: DAY_MS }
  const policy = unwrap(
    retentionPolicy({
      ...settings,
      retentionBatchesDays: undefined,
      retentionColdAfterDays: undefined,
      retentionClasses: undefined,
      clickhouseStoragePolicy: undefined,
      clickhouseColdVolume: 'cold',
    }),
  )
  const place = { database: vouch.database, topology: ONE_NODE }
  unwrap(await applyRetention(await vouch.connect(), place, policy, SILENT))
  for (const table of ['batches', 'segments'])
    await vouch.command(`OPTIMIZE TABLE ${vouch.database}.${table} FINAL`)
  const left = await vouch.query<{ digest: string }>(
    `SELECT lower(hex(digest)) AS digest FROM ${vouch.database}.batches ORDER BY received`,
  )
  expect(left.map(({ digest }) => digest)).toEqual([6, 7, 8].map((day) => digests[day]))
  const sound = await check()
  expect(sound).toMatch(/^3 batches: .*\n1 rows of evidence: .*\n9 days: /)
  expect(sound).toMatch(
    /\n5 batches of days up to .* are not stored any more, as the retention in force allowed/,
  )
  expect(sound).toMatch(
    /\n3 readings are what the signed bodies say\.\n[^]*\nReadings before .* may have expired/,
  )

  // A copy in evidence is no excuse: it may have no body.
  await pin(7)
  await remove(vouch, 'batches', `digest = unhex('${digests[7]}')`)
  const young = await check()
  expect(young).toMatch(/^3 items do not fit\n/)
  expect(young).toContain(`batch ${digests[7]} is under its root and not stored any more`)
  expect(young).toMatch(/batch 9 of run .*: 1 before it is missing, from 8 on/)
  expect(young).toMatch(
    /readings: 1 name batch 8 of run [0-9a-f]{32}, which is not stored: .*EVIDENCE_MISSING/,
  )

  await replace(vouch, 'evidence', `digest = unhex('${digests[2]}')`, `concat(body, 'x') AS body`)
  expect(await check()).toMatch(/batch 3 of run .*: its body is not the one that the header was signed for/)

  // The log says which policies were in force: without it nothing can have expired.
  await vouch.command(`TRUNCATE TABLE ${vouch.database}.retention_log`)
  const unlogged = await check()
  expect(unlogged).toContain(`batch ${digests[4]} is under its root and not stored any more`)
}, 60_000)
