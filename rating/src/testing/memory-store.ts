import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Archive, BatchPlace, UsageStore } from '../rate/ports.ts'
import type { Reading } from '../usage/boundary.ts'
import { holesOf } from '../usage/coverage.ts'
import type { EpochRecord } from '../usage/epoch-usage.ts'
import { type Interval, clip } from '../usage/interval.ts'
import { selfAndAncestors } from '../usage/resource.ts'
import type { Stream, StreamRecord } from '../usage/stream-usage.ts'
import type { TestAgent, TestBatch } from './test-agent.ts'

/** What one agent sent. */
export interface Sent {
  readonly agent: TestAgent
  readonly streams: readonly StreamDefinition[]
  readonly batches: readonly TestBatch[]
}

interface Row extends Reading {
  readonly spanMs: number
  readonly epoch: bigint
  readonly streamId: string
}

/** The slow reference: the same answers as ClickHouse, from plain arrays. */
export function createMemoryStore(sent: readonly Sent[]): { store: UsageStore; archive: Archive } {
  const rows = sent.flatMap(({ batches }) =>
    batches.flatMap(({ samples, digest }) =>
      samples.map(({ stream, epoch, timeMs, register, spanMs }, row): Row => {
        return { batchDigest: digest, row, timeMs, register, spanMs, epoch, streamId: toHex(stream.streamId) }
      }),
    ),
  )
  const byStream = Map.groupBy(rows, ({ streamId }) => streamId)
  const streams = sent.flatMap(({ agent, streams: own }) =>
    own.map(({ streamId, resource, meter, unit }): Stream => {
      return { streamId: toHex(streamId), agentId: toHex(agent.agentId), resource, meter, unit }
    }),
  )
  return {
    store: {
      streams: async (resources, meters) =>
        ok(
          streams
            .filter(({ resource }) => selfAndAncestors(resource).some((r) => resources.includes(r)))
            .filter(({ meter }) => meters.length === 0 || meters.includes(meter)),
        ),
      records: async (asked, period) =>
        ok(asked.flatMap((stream) => recordOf(stream, byStream.get(stream.streamId) ?? [], period))),
    },
    archive: memoryArchive(sent),
  }
}

function recordOf(stream: Stream, rows: readonly Row[], period: Interval): StreamRecord[] {
  const epochs = [...Map.groupBy(rows, ({ epoch }) => epoch).values()]
    .map((own) => own.toSorted((a, b) => a.timeMs - b.timeMs))
    .filter((own) => own[0]!.timeMs < period.to)
  if (epochs.length === 0) return []
  const lastMs = Math.max(...epochs.map((own) => Math.min(own.at(-1)!.timeMs, period.to)))
  return [{ stream, lastMs, epochs: epochs.flatMap((own) => epochOf(own, period)) }]
}

function epochOf(rows: readonly Row[], period: Interval): EpochRecord[] {
  const [firstMs, lastMs] = [rows[0]!.timeMs, rows.at(-1)!.timeMs]
  const part = clip({ from: firstMs, to: lastMs }, period)
  if (part.from >= part.to) return []
  const around = (ms: number): EpochRecord['opening'] => {
    const before = rows.findLast(({ timeMs }) => timeMs <= ms)!
    return {
      before: reading(before),
      after: before.timeMs === ms ? undefined : reading(rows.find(({ timeMs }) => timeMs > ms)!),
    }
  }
  const holes = holesOf(rows)
    .map((hole) => clip(hole, part))
    .filter(({ from, to }) => from < to)
  return [
    { epoch: rows[0]!.epoch, firstMs, lastMs, opening: around(part.from), closing: around(part.to), holes },
  ]
}

const reading = ({ batchDigest, row, timeMs, register }: Row): Reading => ({
  batchDigest,
  row,
  timeMs,
  register,
})

function memoryArchive(sent: readonly Sent[]): Archive {
  const all = sent.flatMap(({ agent, batches }) =>
    batches.map((batch) => ({ place: placeOf(agent, batch), batch })),
  )
  const byDigest = new Map(all.map(({ place, batch }) => [place.digest, { place, batch }]))
  return {
    find: async (digests) => ok(digests.flatMap((digest) => byDigest.get(digest)?.place ?? [])),
    between: async (run, after, before) =>
      ok(
        all
          .map(({ place }) => place)
          .filter(({ runId, sequence }) => runId === run.runId && sequence > after && sequence < before),
      ),
    batches: async (places, withBody) =>
      ok(
        places.map(({ digest }): SignedBatch => {
          const { signed } = byDigest.get(digest)!.batch
          return withBody ? signed : { ...signed, body: new Uint8Array() }
        }),
      ),
    definitions: async (ids) =>
      ok(
        sent
          .flatMap(({ streams }) => streams.filter(({ streamId }) => ids.includes(toHex(streamId))))
          .toSorted(byId),
      ),
    keys: async (keys) =>
      ok(
        sent
          .map(({ agent }) => agent.key)
          .filter(({ keyId }) => keys.some((key) => key.keyId === toHex(keyId))),
      ),
  }
}

function byId(a: StreamDefinition, b: StreamDefinition): number {
  return toHex(a.streamId) < toHex(b.streamId) ? -1 : 1
}

function placeOf(
  agent: TestAgent,
  { digest, previous, runId, sequence, samples, signed }: TestBatch,
): BatchPlace {
  return {
    digest: toHex(digest),
    agentId: toHex(agent.agentId),
    runId: toHex(runId),
    sequence,
    previous: toHex(previous),
    keyId: toHex(signed.keyId),
    lastMs: Math.max(0, ...samples.map(({ timeMs }) => timeMs)),
  }
}
