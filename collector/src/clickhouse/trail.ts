import { create } from '@bufbuild/protobuf'
import { StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { RegisterKind, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { batchColumns } from './batch-pages.ts'
import type { BatchRow } from './batch-pages.ts'
import type { Queries } from './rows.ts'

/** Bounds of one trail, over all of its streams: what is more is shown hour by hour. */
const STREAMS_MAX = 100
const READINGS_MAX = 100_000
/** Bodies have up to 4 MiB each. */
const BODIES_PER_QUERY = 16

/** One row of `trail_v1`, ids and digests as lower-case hexadecimal. */
export interface TrailRow {
  readonly stream_hex: string
  readonly agent_hex: string
  readonly run_hex: string
  readonly sequence: string
  readonly row: number
  readonly epoch: string
  readonly time_ms: string
  readonly register: string
  readonly span_ms: number
  /** Zeros where no batch is stored. */
  readonly digest_hex: string
  readonly received_ms: string
  readonly late_ms: string
  readonly clock_offset_ms: string
  /** Sequence of the batch that has the receipt; 0 = none covers this one yet. */
  readonly receipt_sequence: string
  /** UTC day whose root the batch is under; empty where it is under none yet. */
  readonly day_name: string
}

/** A stream with the agent that reads it. */
export interface TrailStream {
  readonly definition: StreamDefinition
  readonly agent: string
}

/** The streams of a resource's meter, or one stream. Throws a FaultError: NOT_FOUND, OUT_OF_RANGE, STORE_…. */
export async function trailStreams(
  queries: Queries,
  database: string,
  of: { readonly resource: string; readonly meter: string } | { readonly stream: string },
): Promise<TrailStream[]> {
  const condition =
    'stream' in of
      ? 's.stream = toFixedString(unhex({stream:String}), 16)'
      : 's.resource = {resource:String} AND s.meter = {meter:String}'
  const rows = await queries.rows<{
    stream_hex: string
    agent_hex: string
    resource: string
    meter: string
    unit: string
    kind: RegisterKind
  }>(
    `SELECT lower(hex(s.stream)) AS stream_hex, lower(hex(s.agent)) AS agent_hex, resource, meter, unit, kind
    FROM ${database}.streams AS s FINAL WHERE ${condition} ORDER BY stream_hex LIMIT ${STREAMS_MAX + 1}`,
    { ...of },
  )
  if (rows.length === 0) throwFault('NOT_FOUND', 'no stream of this resource and meter is known here')
  if (rows.length > STREAMS_MAX)
    throwFault('OUT_OF_RANGE', `more than ${STREAMS_MAX} agents metered this; name one with --stream`)
  return rows.map(({ stream_hex, agent_hex, resource, meter, unit, kind }) => ({
    agent: agent_hex,
    definition: create(StreamDefinitionSchema, {
      streamId: Uint8Array.fromHex(stream_hex),
      resource,
      meter,
      unit,
      kind,
    }),
  }))
}

/**
 * The trail of a stream's readings in [from, to), epoch milliseconds, after `before` readings of other streams.
 * Throws a FaultError: OUT_OF_RANGE, STORE_….
 */
export async function trailRows(
  queries: Queries,
  database: string,
  stream: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  before = 0,
): Promise<TrailRow[]> {
  const readingsMax = READINGS_MAX - before
  const instant = (ms: number): string => new Date(ms).toISOString().slice(0, -1).replace('T', ' ')
  const rows = await queries.rows<TrailRow>(
    `SELECT lower(hex(t.stream)) AS stream_hex, lower(hex(t.agent)) AS agent_hex, lower(hex(t.run)) AS run_hex, t.sequence AS sequence,
      t.row AS row, t.epoch AS epoch, toUnixTimestamp64Milli(t.time) AS time_ms, t.register AS register, t.span_ms AS span_ms,
      lower(hex(t.digest)) AS digest_hex, toUnixTimestamp64Milli(t.received) AS received_ms, t.late_ms AS late_ms,
      t.clock_offset_ms AS clock_offset_ms, t.receipt_sequence AS receipt_sequence, ifNull(toString(t.day), '') AS day_name
    FROM ${database}.trail_v1(stream = '${stream}', since = '${instant(fromMs)}', until = '${instant(toMs)}') AS t
    ORDER BY t.epoch, t.time, t.register LIMIT ${readingsMax + 1}`,
  )
  if (rows.length > readingsMax)
    throwFault('OUT_OF_RANGE', `more than ${READINGS_MAX} readings; ask for a shorter period`)
  return rows
}

/** Batches with their bodies, by run and sequence; and the receipts stored with batches. */
export async function trailBatches(
  queries: Queries,
  database: string,
  place: { readonly agent: string; readonly run: string },
  sequences: readonly string[],
): Promise<BatchRow[]> {
  const batches: BatchRow[] = []
  for (let from = 0; from < sequences.length; from += BODIES_PER_QUERY) {
    const rows = await queries.rows<BatchRow>(
      `SELECT ${batchColumns(true)} FROM ${database}.batches AS b FINAL WHERE ${PLACE}
      ORDER BY b.sequence`,
      { ...place, sequences: sequences.slice(from, from + BODIES_PER_QUERY).map(BigInt) },
    )
    for (const row of rows) batches.push(row)
  }
  return batches
}

/** SignedReceipt messages stored with batches, in hexadecimal, by sequence. */
export async function trailReceipts(
  queries: Queries,
  database: string,
  place: { readonly agent: string; readonly run: string },
  sequences: readonly string[],
): Promise<string[]> {
  const receipts: string[] = []
  for (let from = 0; from < sequences.length; from += BODIES_PER_QUERY) {
    const rows = await queries.rows<{ receipt_hex: string }>(
      `SELECT lower(hex(b.receipt)) AS receipt_hex FROM ${database}.batches AS b FINAL WHERE ${PLACE} AND b.receipt != ''
      ORDER BY b.sequence`,
      { ...place, sequences: sequences.slice(from, from + BODIES_PER_QUERY).map(BigInt) },
    )
    for (const { receipt_hex } of rows) receipts.push(receipt_hex)
  }
  return receipts
}

const PLACE = `b.agent = toFixedString(unhex({agent:String}), 16) AND b.run = toFixedString(unhex({run:String}), 16)
        AND b.sequence IN {sequences:Array(UInt64)}`
