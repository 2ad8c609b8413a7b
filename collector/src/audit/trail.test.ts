import { create, fromBinary, fromJsonString, toBinary } from '@bufbuild/protobuf'
import { TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { ReceiptSchema, SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { batchDigest, openBatch } from '@vouch/proto/seal/batch.ts'
import { DAY_MS, openDay } from '@vouch/proto/seal/day.ts'
import { inclusionHolds } from '@vouch/proto/seal/merkle.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import { trailSealValid, trailText } from '@vouch/proto/seal/trail.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { writeTrail } from '../audit-trail.ts'
import { leafPages } from '../clickhouse/day-store.ts'
import { createQueries } from '../clickhouse/rows.ts'
import { collectorKeys } from '../postgres/fleet.ts'
import { openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import { closeNextDay } from './close.ts'

let vouch: TestArchive
beforeAll(async () => {
  vouch = await openTestArchive()
})
afterAll(() => vouch.dispose())

const START_MS = Date.UTC(2026, 10, 24)
const HOUR_MS = 3_600_000

it('leads from every reading of an hour to its batch, receipt and root, and says where one is missing', async () => {
  const agent = await vouch.enrol()
  const fromMs = START_MS + 22 * HOUR_MS
  const batches = [0, 1, 2, 3].map((batch) =>
    agent.seal(
      [0, 1].map((row) => ({
        timeMs: fromMs - 60_000 + (batch * 2 + row) * 60_000,
        register: BigInt(batch * 2 + row),
      })),
    ),
  )
  await vouch.store(batches.slice(0, 3), fromMs + 10 * 60_000)
  await vouch.store(batches.slice(3), START_MS + DAY_MS + 1)
  const digests = batches.map(({ header }) => batchDigest(header))
  const receipt = toBinary(
    ReceiptSchema,
    create(ReceiptSchema, { agentId: agent.agentId, runId: agent.runId, sequence: 3n, digest: digests[2]! }),
  )
  const signature = vouch.signer.sign(TAGS.receipt, receipt)
  const signed = toBinary(
    SignedReceiptSchema,
    create(SignedReceiptSchema, { receipt, signature, keyId: vouch.signer.keyId }),
  )
  const table = `${vouch.database}.batches`
  await vouch.command(
    `INSERT INTO ${table} SELECT * REPLACE (unhex('${signed.toHex()}') AS receipt) FROM ${table} WHERE sequence = 3 SETTINGS insert_deduplicate = 0`,
  )
  const now = (): number => START_MS + DAY_MS
  await closeNextDay({ store: vouch.days, signer: vouch.signer, now, graceMs: 0 })
  const queries = createQueries(await vouch.connect())
  const sources = {
    queries,
    database: vouch.database,
    signer: vouch.signer,
    collectorKeys: unwrap(await collectorKeys(vouch.pool)),
    leaves: (startMs: number) => leafPages(queries, vouch.database, startMs),
  }
  const period = { name: 'audit trail', fromMs, toMs: fromMs + HOUR_MS, file: undefined } as const
  const of = { resource: 'host:test', meter: 'host.cpu.used' }
  const { text, table: shown } = await writeTrail({ ...period, of }, sources)
  const trail = fromJsonString(TrailSchema, text)
  expect(trailText(trail)).toBe(text)
  expect(trailSealValid(trail)).toBe(true)
  expect(trail.readings.map(({ sequence, row }) => `${sequence}.${row}`)).toEqual([
    '1.1',
    '2.0',
    '2.1',
    '3.0',
    '3.1',
    '4.0',
    '4.1',
  ])
  expect(trail.batches.map((batch) => openBatch(batch, agent.signer.publicKey).ok)).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect(trail.receipts.map((one) => fromBinary(ReceiptSchema, one.receipt).sequence)).toEqual([3n])
  expect(trail.keys.map(({ publicKey }) => publicKey.toHex())).toEqual([agent.signer.publicKey.toHex()])
  const day = unwrap(openDay(trail.days[0]!, trail.collectorKeys[0]!.publicKey))
  expect(day).toMatchObject({ day: '2026-11-24', batches: 3n })
  expect(trail.inclusions.map(({ batchDigest: digest }) => digest.toHex()).toSorted()).toEqual(
    digests
      .slice(0, 3)
      .map((digest) => digest.toHex())
      .toSorted(),
  )
  for (const { batchDigest: digest, leafIndex, path } of trail.inclusions)
    expect(inclusionHolds(digest, { index: Number(leafIndex), size: 3 }, path, day.root)).toBe(true)
  expect(shown).toMatch(/^2026-11-24T22:00:00Z .* 2026-11-24T22:10:00Z .* up to 3 +2026-11-24$/m)
  expect(shown).toMatch(/^2026-11-24T22:06:00Z .* none yet +not closed yet$/m)
  const stream = agent.stream.streamId.toHex()
  expect((await writeTrail({ ...period, of: { stream } }, sources)).text).toBe(text)
  await expect(writeTrail({ ...period, of: { ...of, meter: 'none' } }, sources)).rejects.toThrow('NOT_FOUND')
  await expect(writeTrail({ ...period, toMs: fromMs - DAY_MS, fromMs: 0, of }, sources)).rejects.toThrow(
    'NOT_FOUND',
  )
}, 30_000)

it('is bounded over all streams of a meter together', async () => {
  const fromMs = START_MS + 40 * DAY_MS
  for (const { stream } of [await vouch.enrol(), await vouch.enrol()])
    await vouch.command(
      `INSERT INTO ${vouch.database}.segments (stream, epoch, first_time, last_time, times, registers, spans)
      SELECT unhex('${stream.streamId.toHex()}'), 1, times[1], times[-1],
        arrayMap(one -> fromUnixTimestamp64Milli(toInt64(${fromMs} + one), 'UTC'), range(50_001)) AS times,
        range(50_001), arrayMap(one -> 0, range(50_001))`,
    )
  const queries = createQueries(await vouch.connect())
  const sources = {
    queries,
    database: vouch.database,
    signer: vouch.signer,
    collectorKeys: new Map(),
    leaves: (startMs: number) => leafPages(queries, vouch.database, startMs),
  }
  const of = { resource: 'host:test', meter: 'host.cpu.used' }
  const period = { name: 'audit trail', fromMs, toMs: fromMs + HOUR_MS, file: undefined } as const
  await expect(writeTrail({ ...period, of }, sources)).rejects.toThrow('OUT_OF_RANGE')
}, 60_000)
