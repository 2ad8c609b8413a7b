import { create } from '@bufbuild/protobuf'
import {
  type Boundary as BoundaryMessage,
  BoundarySchema,
  GapKind,
  type Reading as ReadingMessage,
  ReadingSchema,
  type StreamUsage as StreamUsageMessage,
  StreamUsageSchema,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { fromHex } from '@vouch/proto/kernel/bytes.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Boundary, Reading } from '../usage/boundary.ts'
import type { Coverage } from '../usage/coverage.ts'
import type { StreamUsage } from '../usage/stream-usage.ts'

/** Usage of a stream as the message that travels and that a proof holds. */
export function streamUsageMessage(usage: StreamUsage): StreamUsageMessage {
  return create(StreamUsageSchema, {
    streamId: unwrap(fromHex(usage.stream.streamId)),
    agentId: unwrap(fromHex(usage.stream.agentId)),
    resource: usage.stream.resource,
    period: periodInit(usage.period),
    quantity: `${usage.quantity}`,
    epochs: usage.epochs.map(({ epoch, opening, closing, cuts, quantity }) => ({
      epoch,
      opening: boundaryMessage(opening),
      closing: boundaryMessage(closing),
      quantity,
      cuts: cuts.map(boundaryMessage),
    })),
    coverage: coverageInit(usage.coverage),
  })
}

/** A period as the fields of its message. */
export function periodInit(period: { from: number; to: number }): { fromMs: bigint; toMs: bigint } {
  return { fromMs: BigInt(period.from), toMs: BigInt(period.to) }
}

/** Coverage as the fields of its message. */
export function coverageInit(coverage: Coverage): {
  coveredMs: bigint
  spreadMs: bigint
  missingMs: bigint
  gaps: { fromMs: bigint; toMs: bigint; kind: GapKind }[]
} {
  return {
    coveredMs: BigInt(coverage.coveredMs),
    spreadMs: BigInt(coverage.spreadMs),
    missingMs: BigInt(coverage.missingMs),
    gaps: coverage.gaps.map((gap) => ({
      ...periodInit(gap),
      kind: gap.kind === 'missing' ? GapKind.MISSING : GapKind.SPREAD,
    })),
  }
}

function boundaryMessage(boundary: Boundary): BoundaryMessage {
  const message = create(BoundarySchema, {
    atMs: BigInt(boundary.atMs),
    register: boundary.register,
    before: readingMessage(boundary.before),
  })
  if (boundary.after !== undefined) message.after = readingMessage(boundary.after)
  return message
}

function readingMessage({ batchDigest, row, timeMs, register }: Reading): ReadingMessage {
  return create(ReadingSchema, { batchDigest, row, timeMs: BigInt(timeMs), register })
}
