import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { batchDigest, peekHeader } from '@vouch/proto/seal/batch.ts'
import { DAY_MS, formatDay, sealDay } from '@vouch/proto/seal/day.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { createQueries } from '../clickhouse/rows.ts'
import { storedDays } from '../clickhouse/stored-days.ts'
import type { TestAgent } from './test-agent.ts'
import type { TestArchive } from './test-archive.ts'

/** An agent of a case, with two batches on each of the first two days and two of a later run. */
export interface Witness {
  readonly agent: TestAgent
  readonly batches: SignedBatch[]
}
/** Start of the first day. */
export const FIRST_MS = Date.UTC(2026, 10, 10)
/** Days that are closed. */
export const DAYS = 10

/** The next batch of a witness, sealed just before it is received. */
export function sealFor({ agent, batches }: Witness, receivedMs: number): SignedBatch {
  if (batches.length === 4) agent.restart()
  const samples = [0, 1, 2].map((row) => ({
    timeMs: receivedMs - 1_000 + row,
    register: BigInt(batches.length * 10 + row),
    spanMs: row,
  }))
  const signed = agent.seal(samples, { wallMs: receivedMs })
  batches.push(signed)
  return signed
}

/** Digest of a witness's batch, hexadecimal. */
export const digestOf = ({ batches }: Witness, index: number): string =>
  batchDigest(batches[index]!.header).toHex()
/** How a finding begins that names a witness's batch. */
export const named = (sequence: number, { agent }: Witness): string =>
  `batch ${sequence} of run [0-9a-f]{32} of agent ${agent.agentId.toHex()}: `
/** A day of the archive, by its number. */
export const dayName = (index: number): string => formatDay(FIRST_MS + index * DAY_MS)

/** Puts changed rows in the place of those that a condition names. */
export async function replace(
  vouch: TestArchive,
  table: string,
  condition: string,
  change: string,
): Promise<void> {
  const name = `${vouch.database}.${table}`
  await vouch.command(`CREATE TABLE ${name}_changed AS ${name}`)
  await vouch.command(
    `INSERT INTO ${name}_changed SELECT * REPLACE (${change}) FROM (SELECT * FROM ${name} FINAL WHERE ${condition})`,
  )
  await remove(vouch, table, condition)
  await vouch.command(`INSERT INTO ${name} SELECT * FROM ${name}_changed SETTINGS insert_deduplicate = 0`)
  await vouch.command(`DROP TABLE ${name}_changed`)
}

/** Deletes the rows that a condition names. */
export const remove = (vouch: TestArchive, table: string, condition: string): Promise<void> =>
  vouch.command(
    `ALTER TABLE ${vouch.database}.${table} DELETE WHERE ${condition} SETTINGS mutations_sync = 1`,
  )

/** The stored batch of a witness. */
export const whereDigest = (witness: Witness, index: number): string =>
  `digest = unhex('${digestOf(witness, index)}')`

/** The segment of one batch. */
export const whereSegment = ({ agent, batches }: Witness, index: number): string => {
  const { runId, sequence } = unwrap(peekHeader(batches[index]!))
  return `stream = unhex('${agent.stream.streamId.toHex()}') AND run = unhex('${runId.toHex()}') AND sequence = ${sequence}`
}

/** Replaces a stored day by one signed by another key. */
export async function resign(vouch: TestArchive, index: number): Promise<void> {
  const startMs = FIRST_MS + index * DAY_MS
  const [day] = await storedDays(createQueries(await vouch.connect()), vouch.database, {
    fromMs: startMs,
    toMs: startMs,
  })
  const figures = { startMs, batches: day!.batches, root: day!.root, previousDigest: day!.previous }
  await remove(vouch, 'audit_days', `day = '${formatDay(startMs)}'`)
  const signed = sealDay(figures, signerOf(generateKeys().privateKey))
  await vouch.days.addDay({ ...figures, previous: day!.previous, signed }, 0)
}
