import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { compareBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Archive, BatchPlace, MeasuredMeter, StreamSeries, UsageStore } from '../rate/ports.ts'
import type { Reading } from '../usage/boundary.ts'
import { holesOf } from '../usage/coverage.ts'
import type { EpochRecord } from '../usage/epoch-usage.ts'
import { type Interval, clip } from '../usage/interval.ts'
import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { dialsOf } from '../usage/slots.ts'
import type { SlotReadings } from '../usage/slots.ts'
import { type Stream, type StreamRecord, streamUsage } from '../usage/stream-usage.ts'
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
  const measuredIn = ({ from, to }: Interval): Stream[] => {
    const hour = 3_600_000
    const since = from - (from % hour)
    return streams.filter(({ streamId }) =>
      (byStream.get(streamId) ?? []).some(({ timeMs }) => timeMs >= since && timeMs - (timeMs % hour) < to),
    )
  }
  return {
    store: {
      streams: async (resources, meters) =>
        ok(
          streams
            .filter(({ resource }) => selfAndAncestors(resource).some((r) => resources.includes(r)))
            .filter(({ meter }) => meters.length === 0 || meters.includes(meter)),
        ),
      resources: async (period, after, limit) => {
        const names = new Set(measuredIn(period).map(({ resource }) => resource))
        return ok(
          [...names]
            .toSorted()
            .filter((name) => name > after)
            .slice(0, limit),
        )
      },
      meters: async (period) => ok(metersOf(measuredIn(period))),
      records: async (asked, period, cuts = []) =>
        ok(asked.flatMap((stream) => recordOf(stream, byStream.get(stream.streamId) ?? [], period, cuts))),
      series: async (asked, edges) =>
        ok(asked.flatMap((stream) => seriesOf(stream, byStream.get(stream.streamId) ?? [], edges))),
      covered: async (asked, edges) =>
        ok(
          new Map(
            asked.map(({ streamId }) => {
              const own = byStream.get(streamId) ?? []
              const minutes = edges
                .slice(1)
                .map((to, step) => coveredMinutes(own, { from: edges[step]!, to }))
              return [streamId, minutes]
            }),
          ),
        ),
      slots: async (records, stretch) =>
        ok(slotReadings(records, (streamId) => byStream.get(streamId) ?? [], stretch)),
    },
    archive: memoryArchive(sent),
  }
}

function recordOf(
  stream: Stream,
  rows: readonly Row[],
  period: Interval,
  cuts: readonly number[],
): StreamRecord[] {
  const epochs = [...Map.groupBy(rows, ({ epoch }) => epoch).values()]
    .map((own) => own.toSorted((a, b) => a.timeMs - b.timeMs))
    .filter((own) => own[0]!.timeMs < period.to)
  if (epochs.length === 0) return []
  const lastMs = Math.max(...epochs.map((own) => Math.min(own.at(-1)!.timeMs, period.to)))
  return [{ stream, lastMs, epochs: epochs.flatMap((own) => epochOf(own, period, cuts)) }]
}

function epochOf(rows: readonly Row[], period: Interval, cuts: readonly number[]): EpochRecord[] {
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
  const inside = cuts.filter((ms) => part.from < ms && ms < part.to)
  const ends = { opening: around(part.from), closing: around(part.to) }
  const between = inside.map((atMs) => ({ atMs, ...around(atMs) }))
  return [{ epoch: rows[0]!.epoch, firstMs, lastMs, ...ends, cuts: between, holes }]
}

/** Usage of each step by itself, the way that a bill would have it. */
function seriesOf(stream: Stream, rows: readonly Row[], edges: readonly number[]): StreamSeries[] {
  const epochs = [...Map.groupBy(rows, ({ epoch }) => epoch).values()]
  const lives = epochs.map((own) => own.map(({ timeMs }) => timeMs).toSorted((a, b) => a - b))
  const whole = { from: edges[0]!, to: edges.at(-1)! }
  const inside = lives.filter((times) => times[0]! < whole.to && times.at(-1)! >= whole.from)
  if (inside.length === 0) return []
  const steps = edges.slice(1).map((to, step) => {
    const period = { from: edges[step]!, to }
    const [record] = recordOf(stream, rows, period, [])
    const usage = record === undefined ? undefined : streamUsage(record, period)
    const isMeasured = (usage?.epochs.length ?? 0) > 0
    return { quantity: usage?.quantity ?? 0n, isMeasured }
  })
  return [{ stream, lives: inside.map((times) => ({ from: times[0]!, to: times.at(-1)! })), steps }]
}

/** Minutes of the clock that a span touches. */
function coveredMinutes(rows: readonly Row[], { from, to }: Interval): number {
  let covered = 0
  for (let minute = from - (from % 60_000); minute < to; minute += 60_000) {
    const isTouched = rows.some(
      ({ timeMs, spanMs }) => timeMs >= minute && Math.max(timeMs - spanMs, 0) < minute + 60_000,
    )
    if (isTouched) covered += 1
  }
  return covered
}

/** All readings from the one before the stretch to the one after it; the batches also of epochs that measured nothing in it. */
function slotReadings(
  records: readonly StreamRecord[],
  rowsOf: (streamId: string) => readonly Row[],
  stretch: Interval,
): SlotReadings {
  const used: Row[] = []
  const epochs = records.map(({ stream: { streamId }, epochs: measured }) => {
    if (measured.length > 0)
      used.push(...rowsOf(streamId).filter(({ timeMs }) => timeMs >= stretch.from && timeMs <= stretch.to))
    const own = measured.map(({ epoch }) => {
      const rows = rowsOf(streamId)
        .filter((row) => row.epoch === epoch)
        .toSorted((a, b) => a.timeMs - b.timeMs)
      const from = rows.findLastIndex(({ timeMs }) => timeMs <= stretch.from)
      const to = rows.findIndex(({ timeMs }) => timeMs >= stretch.to)
      const around = rows.slice(Math.max(from, 0), to === -1 ? undefined : to + 1)
      used.push(...around)
      return dialsOf(around)
    })
    return [streamId, own] as const
  })
  const batches = new Map(used.map(({ batchDigest }) => [toHex(batchDigest), batchDigest]))
  return { epochs: new Map(epochs), batches: [...batches.values()].toSorted(compareBytes) }
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
    newest: async (agentIds) =>
      ok(
        agentIds.flatMap((agentId) =>
          all
            .map(({ place }) => place)
            .filter((place) => place.agentId === agentId)
            .toSorted((a, b) => b.lastMs - a.lastMs || Number(b.sequence - a.sequence))
            .slice(0, 1),
        ),
      ),
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
          .filter(({ keyId }) => keys.some((key) => key.keyId === toHex(keyId)))
          .toSorted((a, b) => compareBytes(a.agentId, b.agentId)),
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

/** Each meter and unit of streams once, with how many resources have it. */
function metersOf(streams: readonly Stream[]): MeasuredMeter[] {
  const alike = [...Map.groupBy(streams, ({ meter, unit }) => `${meter} ${unit}`).values()]
  return alike
    .map((own) => {
      const { meter, unit } = own[0]!
      return { meter, unit, resources: new Set(own.map(({ resource }) => resource)).size }
    })
    .toSorted((a, b) => compareText(a.meter, b.meter) || compareText(a.unit, b.unit))
}
