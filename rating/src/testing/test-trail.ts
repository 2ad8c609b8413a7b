import { create, toBinary } from '@bufbuild/protobuf'
import { type Trail, TrailReadingSchema, TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  ReceiptSchema,
  type SignedReceipt,
  SignedReceiptSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { DAY_MS, formatDay, sealDay } from '@vouch/proto/seal/day.ts'
import { inclusionPath, merkleRoot } from '@vouch/proto/seal/merkle.ts'
import { TAGS, sha256, signerOf } from '@vouch/proto/seal/seal.ts'
import { TRAIL_FORMAT, sealTrail } from '@vouch/proto/seal/trail.ts'
import { type TestBatch, createTestAgent } from './test-agent.ts'

/** The collector of test trails, and another one. */
export const COLLECTOR = signerOf(sha256(new TextEncoder().encode('collector')))
export const OTHER_COLLECTOR = signerOf(sha256(new TextEncoder().encode('another collector')))

/** Start of the day on which the trail's readings were taken. */
export const DAY_START_MS = Date.UTC(2026, 10, 24)
const HOUR_MS = 3_600_000
const BATCHES = 4
const LEAVES = 7

/**
 * The trail of an hour: four batches of four readings each, of two streams and of other times too. The
 * last batch has no receipt, and is not under the root of its day.
 */
export function buildTrail(): Trail {
  const agent = createTestAgent('trail')
  const streams = [
    agent.define('host:a', 'host.cpu.used', 'ms'),
    agent.define('host:a', 'host.memory.held', 'MiB-second'),
  ]
  const [stream] = streams
  const [fromMs, toMs] = [DAY_START_MS + 17 * HOUR_MS, DAY_START_MS + 18 * HOUR_MS]
  const batches = Array.from({ length: BATCHES }, (_, batch) =>
    agent.seal(
      streams.flatMap((one) =>
        [0, 1].map((row) => ({
          stream: one,
          epoch: 7n,
          timeMs: fromMs - 60_000 + (batch * 2 + row) * 60_000,
          register: BigInt(batch * 20 + row * 10),
          spanMs: 60_000,
        })),
      ),
    ),
  )
  const readings = batches.flatMap((batch) => readingsOf(batch, stream!, agent.agentId, { fromMs, toMs }))
  const others = Array.from({ length: LEAVES - 3 }, (_, i) => sha256(Uint8Array.of(i)))
  const under = batches.slice(0, 3).map(({ digest }) => digest)
  const leaves = [...under, ...others].toSorted((a, b) => Buffer.compare(a, b))
  const figures = {
    startMs: DAY_START_MS,
    batches: leaves.length,
    root: merkleRoot(leaves),
    previousDigest: sha256(Uint8Array.of(99)),
  }
  const trail = create(TrailSchema, {
    format: TRAIL_FORMAT,
    fromMs: BigInt(fromMs),
    toMs: BigInt(toMs),
    streams: [{ ...stream!, attributes: {} }],
    readings,
    batches: batches.map(({ signed }) => signed),
    keys: [agent.key],
    receipts: [receiptOf(batches[2]!, agent.agentId, toMs)],
    collectorKeys: [{ keyId: COLLECTOR.keyId, publicKey: COLLECTOR.publicKey }],
    inclusions: under.map((batchDigest) => {
      const index = leaves.indexOf(batchDigest)
      const day = formatDay(DAY_START_MS + DAY_MS - 1)
      return { batchDigest, day, leafIndex: BigInt(index), path: inclusionPath(leaves, index) }
    }),
    days: [sealDay(figures, COLLECTOR)],
  })
  return sealTrail(trail, COLLECTOR)
}

/** The collector's receipt for a batch and all before it. */
function receiptOf({ runId, sequence, digest }: TestBatch, agentId: Uint8Array, atMs: number): SignedReceipt {
  const fields = { agentId, runId, sequence, digest, receivedMs: BigInt(atMs) }
  const receipt = toBinary(ReceiptSchema, create(ReceiptSchema, fields))
  const signature = COLLECTOR.sign(TAGS.receipt, receipt)
  return create(SignedReceiptSchema, { receipt, signature, keyId: COLLECTOR.keyId })
}

/** The rows of a batch that are readings of a stream in the period. */
function readingsOf(
  { samples, runId, sequence }: TestBatch,
  stream: StreamDefinition,
  agentId: Uint8Array,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Trail['readings'] {
  return samples.flatMap((sample, row) => {
    if (sample.stream !== stream || sample.timeMs < fromMs || sample.timeMs >= toMs) return []
    const { epoch, register, spanMs } = sample
    const fields = { epoch, register, spanMs, timeMs: BigInt(sample.timeMs) }
    return [
      create(TrailReadingSchema, { streamId: stream.streamId, agentId, runId, sequence, row, ...fields }),
    ]
  })
}
