import { create, fromBinary } from '@bufbuild/protobuf'
import { TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import type { Trail } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedReceipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseDay } from '@vouch/proto/seal/day.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { TRAIL_FORMAT, sealTrail, trailText } from '@vouch/proto/seal/trail.ts'
import type { AuditCommand } from './audit-command.ts'
import type { DaySources } from './audit/check-days.ts'
import { inclusionsOf } from './audit/inclusions.ts'
import { trailTable } from './audit/trail-table.ts'
import { keysOf } from './clickhouse/audit-batches.ts'
import type { Queries } from './clickhouse/rows.ts'
import { storedDays } from './clickhouse/stored-days.ts'
import { trailBatches, trailReceipts, trailRows, trailStreams } from './clickhouse/trail.ts'
import type { TrailRow } from './clickhouse/trail.ts'

/** What a trail is written from. */
export interface TrailSources extends DaySources {
  readonly queries: Queries
  readonly database: string
  readonly signer: Signer
}

type TrailCommand = Extract<AuditCommand, { readonly name: 'audit trail' }>

/**
 * The trail of a meter's readings as a table for people and as a document for vouch-verify. Throws a
 * FaultError: NOT_FOUND where there is no reading, EVIDENCE_MISSING, OUT_OF_RANGE, STORE_….
 */
export async function writeTrail(
  { of, fromMs, toMs }: TrailCommand,
  sources: TrailSources,
): Promise<{ readonly table: string; readonly text: string }> {
  const { queries, database, signer } = sources
  const streams = await trailStreams(queries, database, of)
  const rows: TrailRow[] = []
  for (const { definition } of streams) {
    const stream = definition.streamId.toHex()
    for (const row of await trailRows(queries, database, stream, { fromMs, toMs }, rows.length))
      rows.push(row)
  }
  if (rows.length === 0) throwFault('NOT_FOUND', 'there is no reading in this period')
  const read = new Set(rows.map(({ stream_hex }) => stream_hex))
  const { batches, receipts } = await signedOf(rows, sources)
  const { days, inclusions } = await daysOf(rows, sources)
  const signers = new Set([...receipts, ...days].map(({ keyId }) => keyId.toHex()))
  signers.add(signer.keyId.toHex())
  const trail: Trail = create(TrailSchema, {
    format: TRAIL_FORMAT,
    fromMs: BigInt(fromMs),
    toMs: BigInt(toMs),
    streams: streams.map(({ definition }) => definition).filter(({ streamId }) => read.has(streamId.toHex())),
    readings: rows.map((row) => readingOf(row)),
    batches,
    keys: await agentKeys(batches, rows, sources),
    receipts,
    collectorKeys: [...signers].toSorted().map((id) => ({
      keyId: Uint8Array.fromHex(id),
      publicKey: sources.collectorKeys.get(id) ?? missing(`the collector's key ${id}`),
    })),
    inclusions,
    days,
  })
  return {
    table: trailTable(
      streams.map(({ definition }) => definition),
      rows,
    ),
    text: trailText(sealTrail(trail, signer)),
  }
}

function missing(what: string): never {
  return throwFault('EVIDENCE_MISSING', `${what} is not stored`)
}

function readingOf(row: TrailRow): Trail['readings'][number] {
  return {
    $typeName: 'vouch.audit.v1.TrailReading',
    streamId: Uint8Array.fromHex(row.stream_hex),
    agentId: Uint8Array.fromHex(row.agent_hex),
    runId: Uint8Array.fromHex(row.run_hex),
    sequence: BigInt(row.sequence),
    row: row.row,
    epoch: BigInt(row.epoch),
    timeMs: BigInt(row.time_ms),
    register: BigInt(row.register),
    spanMs: row.span_ms,
  }
}

/** Batches by agent, run, sequence, and the receipts that cover them. */
async function signedOf(
  rows: readonly TrailRow[],
  { queries, database }: TrailSources,
): Promise<{ batches: SignedBatch[]; receipts: SignedReceipt[] }> {
  const batches: SignedBatch[] = []
  const receipts: SignedReceipt[] = []
  const runs = Map.groupBy(rows, ({ agent_hex, run_hex }) => `${agent_hex} ${run_hex}`)
  for (const name of [...runs.keys()].toSorted()) {
    const own = runs.get(name)!
    const [agent = '', run = ''] = name.split(' ')
    const distinct = (pick: (row: TrailRow) => string): string[] =>
      [...new Set(own.map((row) => pick(row)))].toSorted((a, b) => Number(BigInt(a) - BigInt(b)))
    const sequences = distinct(({ sequence }) => sequence)
    const stored = await trailBatches(queries, database, { agent, run }, sequences)
    if (stored.length < sequences.length) missing(`a batch of run ${run} of agent ${agent}`)
    for (const { header, body, signature, key } of stored) {
      const bytes = { header, body, signature, keyId: key }
      const fields = Object.entries(bytes).map(([field, hex]) => [field, Uint8Array.fromHex(hex)] as const)
      batches.push(create(SignedBatchSchema, Object.fromEntries(fields)))
    }
    const covering = distinct(({ receipt_sequence }) => receipt_sequence).filter(
      (sequence) => sequence !== '0',
    )
    for (const hex of await trailReceipts(queries, database, { agent, run }, covering))
      receipts.push(fromBinary(SignedReceiptSchema, Uint8Array.fromHex(hex)))
  }
  return { batches, receipts }
}

async function agentKeys(
  batches: readonly SignedBatch[],
  rows: readonly TrailRow[],
  { queries, database }: TrailSources,
): Promise<Trail['keys']> {
  const used = new Set(batches.map(({ keyId }) => keyId.toHex()))
  const keys: Trail['keys'] = []
  for (const agent of [...new Set(rows.map(({ agent_hex }) => agent_hex))].toSorted()) {
    for (const [id, publicKey] of await keysOf(queries, database, agent)) {
      if (!used.has(id)) continue
      const agentId = Uint8Array.fromHex(agent)
      keys.push({ $typeName: 'vouch.ingest.v1.AgentKey', agentId, keyId: Uint8Array.fromHex(id), publicKey })
    }
  }
  return keys
}

/** The closed days of the batches, and where the batches stand under their roots. */
async function daysOf(
  rows: readonly TrailRow[],
  { queries, database, leaves }: TrailSources,
): Promise<Pick<Trail, 'days' | 'inclusions'>> {
  const [days, inclusions]: [Trail['days'], Trail['inclusions']] = [[], []]
  const byDay = Map.groupBy(rows, ({ day_name }) => day_name)
  for (const name of [...byDay.keys()].toSorted()) {
    if (name === '') continue
    const startMs = unwrap(parseDay(name))
    const [day] = await storedDays(queries, database, { fromMs: startMs, toMs: startMs })
    // Leaves without a root: the day is being closed.
    if (day === undefined) continue
    days.push(day.signed)
    const digests = new Set(byDay.get(name)!.map(({ digest_hex }) => digest_hex))
    inclusions.push(...(await inclusionsOf(day, digests, leaves)))
  }
  return { days, inclusions }
}
