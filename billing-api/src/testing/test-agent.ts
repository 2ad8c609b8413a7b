import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  AgentKeySchema,
  RegisterKind,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { GetEvidenceResponseSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { GetEvidenceResponse } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Period } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { GapKind, StreamUsageSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { StreamUsage, WatermarkSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { fromHex, toHex } from '@vouch/proto/kernel/bytes.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'

const MS_PER_SECOND = 1000n
const SPAN_MS = 60_000n
const AGENT_ID = new Uint8Array(16).fill(7)
const RUN_ID = new Uint8Array(16).fill(9)

/** A signed batch with the one stream in it. */
interface Archived {
  readonly digest: string
  readonly signed: SignedBatch
  readonly stream: StreamDefinition
}

/** The unit of a built-in meter. */
export function unitOf(meter: string): string {
  return unwrap(parseMeter(meter)).unit
}

/** Measures whatever it is asked for, at one unit a second, and signs it into one chain of batches. */
export class TestAgent {
  /** False = the archive has lost the batches. */
  archived = true
  /** Units that became known late, by resource: they lie in whatever is measured of it from now on. */
  readonly late = new Map<string, bigint>()
  readonly #signer = signerOf(generateKeys().privateKey)
  readonly #chain: Archived[] = []
  readonly #measured = new Map<string, StreamUsage>()
  #previousDigest: Uint8Array = new Uint8Array(0)

  /** Usage of a stream over a period, from two readings at its ends; all but the last minute is spread. */
  measure(resource: string, meter: string, period: Period): StreamUsage {
    const { fromMs, toMs } = period
    const late = this.late.get(resource) ?? 0n
    const name = `${resource} ${meter} ${fromMs} ${toMs} ${late}`
    const known = this.#measured.get(name)
    if (known !== undefined) return known
    const identity = { resource, meter, unit: unitOf(meter), kind: RegisterKind.COUNTER }
    const stream = create(StreamDefinitionSchema, { ...identity, streamId: streamId(AGENT_ID, identity) })
    const times = [fromMs, toMs] as const
    const registers = [fromMs / MS_PER_SECOND, toMs / MS_PER_SECOND + late] as const
    const batchDigest = this.#sign(stream, times, registers)
    const boundary = (row: 0 | 1) => ({
      atMs: times[row],
      register: registers[row],
      before: { batchDigest, row, timeMs: times[row], register: registers[row] },
    })
    const quantity = registers[1] - registers[0]
    const usage = create(StreamUsageSchema, {
      streamId: stream.streamId,
      agentId: AGENT_ID,
      resource,
      period,
      quantity: `${quantity}`,
      epochs: [{ epoch: 1n, opening: boundary(0), closing: boundary(1), quantity }],
      coverage: {
        coveredMs: SPAN_MS,
        spreadMs: toMs - fromMs - SPAN_MS,
        gaps: [{ fromMs, toMs: toMs - SPAN_MS, kind: GapKind.SPREAD }],
      },
    })
    this.#measured.set(name, usage)
    return usage
  }

  /** How far its archive reaches. */
  newest(): MessageInitShape<typeof WatermarkSchema>[] {
    const batch = this.#chain.at(-1)
    if (batch === undefined) return []
    const sequence = BigInt(this.#chain.length)
    return [
      { agentId: AGENT_ID, runId: RUN_ID, sequence, batchDigest: unwrap(fromHex(batch.digest)), lastMs: 0n },
    ]
  }

  /** Batches in full, those between them as links, then streams and the key; undefined where one is lost. */
  evidence(digests: readonly Uint8Array[]): GetEvidenceResponse[] | undefined {
    const wanted = new Set(digests.map(toHex))
    const places = this.#chain.flatMap(({ digest }, index) => (wanted.has(digest) ? [index] : []))
    if (!this.archived || places.length < wanted.size) return undefined
    const stretch = this.#chain.slice(places[0], (places.at(-1) ?? -1) + 1)
    const inFull = stretch.filter(({ digest }) => wanted.has(digest))
    const streams = new Map(inFull.map(({ stream }) => [toHex(stream.streamId), stream]))
    const { keyId, publicKey } = this.#signer
    return [
      ...stretch.map((batch) => {
        const value = inFull.includes(batch) ? batch.signed : { ...batch.signed, body: new Uint8Array(0) }
        return answer({ case: 'batch', value })
      }),
      ...[...streams.values()].map((value) => answer({ case: 'stream', value })),
      answer({ case: 'key', value: create(AgentKeySchema, { agentId: AGENT_ID, keyId, publicKey }) }),
    ]
  }

  #sign(
    stream: StreamDefinition,
    times: readonly [bigint, bigint],
    registers: readonly [bigint, bigint],
  ): Uint8Array {
    const body = encodeBody({
      streamIds: new Uint8Array(stream.streamId),
      timeBaseMs: Number(times[0]),
      segmentStream: Uint32Array.of(0),
      segmentEpoch: BigUint64Array.of(1n),
      segmentRows: Uint32Array.of(2),
      timeMs: BigUint64Array.from(times),
      register: BigUint64Array.from(registers),
      spanMs: Uint32Array.of(0, Number(SPAN_MS)),
      losses: [],
    })
    const header = {
      agentId: AGENT_ID,
      runId: RUN_ID,
      sequence: BigInt(this.#chain.length + 1),
      previousDigest: this.#previousDigest,
      clock: { wallMs: times[1], monotonicMs: 1n, boottimeMs: 1n, bootId: RUN_ID },
      agentVersion: 'test',
    }
    const { signed, digest } = sealBatch(header, body, this.#signer)
    this.#chain.push({ digest: toHex(digest), signed, stream })
    this.#previousDigest = digest
    return digest
  }
}

function answer(kind: GetEvidenceResponse['kind']): GetEvidenceResponse {
  return create(GetEvidenceResponseSchema, { kind })
}
