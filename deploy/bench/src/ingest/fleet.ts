import { randomBytes } from 'node:crypto'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { concat } from '@vouch/proto/kernel/bytes.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { StreamIdentity } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** Who an agent is, once enrolled. */
export interface Identity {
  readonly agentId: Uint8Array
  readonly signer: Signer
  /** Key that signs receipts. */
  readonly collectorKey: Uint8Array
}

/** An agent of the load, with everything it will send made beforehand. */
export interface LoadAgent extends Identity {
  readonly runId: Uint8Array
  readonly streams: readonly (StreamIdentity & { readonly streamId: Uint8Array })[]
  readonly batches: readonly SignedBatch[]
}

/** Shape of the load. */
export interface LoadShape {
  readonly agents: number
  /** Batches of an agent that come before the measurement, and those measured. */
  readonly warmBatches: number
  readonly batches: number
}

const STREAMS = 200
const READINGS_PER_STREAM = 6
/** Readings of a batch: a minute of 200 streams at a cadence of ten seconds. */
export const BATCH_READINGS = STREAMS * READINGS_PER_STREAM
const CADENCE_MS = 10_000
const JITTER_MS = 7
const BATCHES_PER_AGENT = 64
const WARM_BATCHES = 8

/** Agents and batches for at least so many readings: an hour of each agent, and agents as many as that takes. */
export function shapeOf(readings: number): LoadShape {
  const batches = Math.ceil(readings / BATCH_READINGS)
  const agents = Math.ceil(batches / BATCHES_PER_AGENT)
  return { agents, warmBatches: WARM_BATCHES, batches: Math.ceil(batches / agents) }
}

/** Makes an agent's streams and signed batches: registers that grow unevenly, as counters do, up to now. */
export function loadAgent(identity: Identity, shape: LoadShape, nowMs: number): LoadAgent {
  const { agentId, signer } = identity
  const identities = Array.from({ length: STREAMS }, (_, index) => identityOf(index))
  const streams = identities.map((stream) => ({ ...stream, streamId: streamId(agentId, stream) }))
  const streamIds = concat(streams.map((stream) => stream.streamId))
  const runId = new Uint8Array(randomBytes(16))
  const registers = streams.map((_, index) => BigInt(index) << 30n)
  const count = shape.warmBatches + shape.batches
  const batchMs = READINGS_PER_STREAM * CADENCE_MS
  const startMs = nowMs - (count + 1) * batchMs
  let previousDigest: Uint8Array = new Uint8Array()
  const batches = Array.from({ length: count }, (_, index) => {
    const timeBaseMs = startMs + index * batchMs
    const body = encodeBody(columnsOf(streamIds, registers, timeBaseMs, startMs))
    const clock = clockAt(timeBaseMs + batchMs)
    const header = {
      agentId,
      runId,
      sequence: BigInt(index + 1),
      previousDigest,
      clock,
      agentVersion: 'bench',
    }
    const { signed, digest } = sealBatch(header, body, signer)
    previousDigest = digest
    return signed
  })
  return { ...identity, runId, streams, batches }
}

function identityOf(index: number): StreamIdentity {
  const resource = `host:bench/interface:eth${index}`
  return { resource, meter: 'host.network.received', unit: 'B', kind: RegisterKind.COUNTER }
}

function clockAt(atMs: number): {
  wallMs: bigint
  monotonicMs: bigint
  boottimeMs: bigint
  bootId: Uint8Array
} {
  const ms = BigInt(atMs)
  return { wallMs: ms, monotonicMs: ms, boottimeMs: ms, bootId: new Uint8Array(16) }
}

function columnsOf(
  streamIds: Uint8Array<ArrayBuffer>,
  registers: bigint[],
  timeBaseMs: number,
  epochMs: number,
): Columns {
  const timeMs = new BigUint64Array(BATCH_READINGS)
  const register = new BigUint64Array(BATCH_READINGS)
  for (let stream = 0, row = 0; stream < STREAMS; stream++) {
    for (let reading = 0; reading < READINGS_PER_STREAM; reading++, row++) {
      const grown = (registers[stream] ?? 0n) + BigInt((row * 7919 + (timeBaseMs % 104_729)) % 1_000_000)
      registers[stream] = grown
      register[row] = grown
      timeMs[row] = BigInt(timeBaseMs + reading * CADENCE_MS + (row % JITTER_MS))
    }
  }
  return {
    streamIds,
    timeBaseMs,
    segmentStream: Uint32Array.from({ length: STREAMS }, (_, index) => index),
    segmentEpoch: new BigUint64Array(STREAMS).fill(BigInt(epochMs)),
    segmentRows: new Uint32Array(STREAMS).fill(READINGS_PER_STREAM),
    timeMs,
    register,
    spanMs: new Uint32Array(BATCH_READINGS).fill(CADENCE_MS),
    losses: [],
  }
}
