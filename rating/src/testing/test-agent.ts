import { create } from '@bufbuild/protobuf'
import {
  type AgentKey,
  AgentKeySchema,
  RegisterKind,
  type SignedBatch,
  type StreamDefinition,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { concat, toHex } from '@vouch/proto/kernel/bytes.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { sha256, signerOf } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'

/** One reading to be signed. */
export interface Sample {
  readonly stream: StreamDefinition
  readonly epoch: bigint
  readonly timeMs: number
  readonly register: bigint
  readonly spanMs: number
}

/** A signed batch and what it holds, row by row. */
export interface TestBatch {
  readonly signed: SignedBatch
  readonly digest: Uint8Array
  readonly previous: Uint8Array
  readonly runId: Uint8Array
  readonly sequence: bigint
  readonly samples: readonly Sample[]
}

/** An agent for tests: real keys, real seals, a real chain. */
export interface TestAgent {
  readonly agentId: Uint8Array
  readonly key: AgentKey
  define(resource: string, meter: string, unit: string, kind?: RegisterKind): StreamDefinition
  /** Starts a new run; the chain goes on. */
  restart(): void
  /** Signs the readings; rows stand by stream, epoch, time. */
  seal(samples: readonly Sample[]): TestBatch
}

/** The agent of a name: the same name gives the same bytes. */
export function createTestAgent(name: string): TestAgent {
  const bytes = (text: string, length: number): Uint8Array =>
    sha256(new TextEncoder().encode(`${name} ${text}`)).slice(0, length)
  const signer = signerOf(bytes('key', 32))
  const agentId = bytes('agent', 16)
  let [run, sequence, previous] = [1, 0n, new Uint8Array()]
  return {
    agentId,
    key: create(AgentKeySchema, { agentId, keyId: signer.keyId, publicKey: signer.publicKey }),
    define: (resource, meter, unit, kind = RegisterKind.COUNTER) =>
      create(StreamDefinitionSchema, {
        streamId: streamId(agentId, { resource, meter, unit, kind }),
        resource,
        meter,
        unit,
        kind,
        attributes: { label: name },
      }),
    restart: () => {
      run += 1
      sequence = 0n
    },
    seal: (given) => {
      sequence += 1n
      const runId = bytes(`run ${run}`, 16)
      const samples = given.toSorted(bySegment)
      const wallMs = BigInt(Math.max(0, ...samples.map(({ timeMs }) => timeMs)))
      const header = {
        agentId,
        runId,
        sequence,
        previousDigest: previous,
        clock: { wallMs, monotonicMs: wallMs, boottimeMs: wallMs, bootId: bytes('boot', 16) },
        agentVersion: 'test',
      }
      const { signed, digest } = sealBatch(header, bodyOf(samples), signer)
      const batch = { signed, digest, previous, runId, sequence, samples }
      previous = digest
      return batch
    },
  }
}

const segment = ({ stream, epoch }: Sample): string => `${toHex(stream.streamId)} ${epoch}`

function bySegment(a: Sample, b: Sample): number {
  const [left, right] = [segment(a), segment(b)]
  return left === right ? a.timeMs - b.timeMs : left < right ? -1 : 1
}

function bodyOf(samples: readonly Sample[]): Uint8Array {
  const segments = [...Map.groupBy(samples, segment).values()]
  const ids = [...new Set(segments.map(([first]) => toHex(first!.stream.streamId)))]
  const stream = ids.map(
    (id) => samples.find((sample) => toHex(sample.stream.streamId) === id)!.stream.streamId,
  )
  return encodeBody({
    streamIds: concat(stream),
    timeBaseMs: samples.length === 0 ? 0 : Math.min(...samples.map(({ timeMs }) => timeMs)),
    segmentStream: Uint32Array.from(segments, ([first]) => ids.indexOf(toHex(first!.stream.streamId))),
    segmentEpoch: BigUint64Array.from(segments, ([first]) => first!.epoch),
    segmentRows: Uint32Array.from(segments, ({ length }) => length),
    timeMs: BigUint64Array.from(samples, ({ timeMs }) => BigInt(timeMs)),
    register: BigUint64Array.from(samples, ({ register }) => register),
    spanMs: Uint32Array.from(samples, ({ spanMs }) => spanMs),
    losses: [],
  })
}
