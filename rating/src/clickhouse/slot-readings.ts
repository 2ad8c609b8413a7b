import { compareBytes, fromHex, toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, collect, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Reading } from '../usage/boundary.ts'
import type { Interval } from '../usage/interval.ts'
import type { Dials, SlotReadings } from '../usage/slots.ts'
import type { StreamRecord } from '../usage/stream-usage.ts'
import { readInParts } from './in-parts.ts'
import { type Reader, textOf } from './reader.ts'
import { holdersQuery, outermostQuery, slotsQuery } from './usage-query.ts'

/** A month of slots of so many streams is some millions of numbers. */
const STREAMS_PER_QUERY = 50

/** What slots follow from: of each the first and the last reading, the readings around the stretch, and the batches that hold them. Faults: STORE_UNAVAILABLE, EVIDENCE_MISSING. */
export async function readSlots(
  reader: Reader,
  records: readonly StreamRecord[],
  stretch: Interval,
  slotMs: number,
): Promise<Result<SlotReadings>> {
  const measured = records.filter(({ epochs }) => epochs.length > 0)
  const epochs = new Map<string, Dials[]>()
  const batches = new Map<string, Uint8Array>()
  for (const [agent, own] of Map.groupBy(measured, ({ stream }) => stream.agentId)) {
    const parts = await readInParts(own, STREAMS_PER_QUERY, (part) =>
      readPart(reader, agent, part, { stretch, slotMs }),
    )
    if (!parts.ok) return parts
    for (const { dials, holders } of parts.value) {
      for (const { id, epoch } of dials) epochs.set(id, [...(epochs.get(id) ?? []), epoch])
      for (const digest of holders) batches.set(toHex(digest), digest)
    }
  }
  return ok({ epochs, batches: [...batches.values()].toSorted(compareBytes) })
}

interface Part {
  readonly dials: readonly { readonly id: string; readonly epoch: Dials }[]
  readonly holders: readonly Uint8Array[]
}

async function readPart(
  reader: Reader,
  agent: string,
  records: readonly StreamRecord[],
  { stretch, slotMs }: { readonly stretch: Interval; readonly slotMs: number },
): Promise<Result<Part>> {
  const around = records.flatMap((record) => outermost(record))
  const between = {
    from: Math.min(stretch.from, ...around.map(({ timeMs }) => timeMs)),
    to: Math.max(stretch.to, ...around.map(({ timeMs }) => timeMs)),
  }
  const streams = records.map(({ stream }) => stream.streamId)
  const baseMs = stretch.from - Math.ceil((stretch.from - between.from) / slotMs) * slotMs
  const dials = await reader.binary(slotsQuery(streams, between, baseMs, slotMs), (row) => ({
    id: row.hex(16),
    epoch: { timesMs: row.integers(), registers: row.uint64s() },
  }))
  if (!dials.ok) return dials
  const holders = await readHolders(reader, agent, records, { stretch, between })
  if (!holders.ok) return holders
  return ok({
    dials: dials.value,
    holders: [...holders.value, ...around.map(({ batchDigest }) => batchDigest)],
  })
}

/** Digests of the batches with readings in the stretch, and the ones next to its ends where others than those of the whole usage are. */
async function readHolders(
  reader: Reader,
  agent: string,
  records: readonly StreamRecord[],
  { stretch, between }: { readonly stretch: Interval; readonly between: Interval },
): Promise<Result<Uint8Array[]>> {
  const epochs = records.flatMap(({ stream, epochs: own }) =>
    own.map((each) => ({ ...each, stream: stream.streamId })),
  )
  const early = epochs.filter(
    ({ opening: { before, after } }) =>
      before.timeMs < stretch.from && (after === undefined || after.timeMs <= stretch.from),
  )
  const late = epochs.filter(({ closing }) => closing.before.timeMs > stretch.to)
  const [upTo, since] = [
    { from: between.from, to: stretch.from },
    { from: stretch.to, to: between.to },
  ]
  const queries = [
    holdersQuery(
      agent,
      records.map(({ stream }) => stream.streamId),
      stretch,
    ),
    ...(early.length === 0 ? [] : [outermostQuery(agent, early, 'last', upTo)]),
    ...(late.length === 0 ? [] : [outermostQuery(agent, late, 'first', since)]),
  ]
  const rows = collect(await Promise.all(queries.map(async (query) => reader.rows(query))))
  if (!rows.ok) return rows
  const digests = rows.value.flat().map((row) => textOf(row, 'digestHex'))
  return digests.some((digest) => /^0*$/.test(digest))
    ? fail('EVIDENCE_MISSING', `a batch of agent ${agent} that holds readings of slots has gone`)
    : ok(digests.map((digest) => unwrap(fromHex(digest))))
}

/** The first and the last reading that a stream's usage over the stretch follows from. */
function outermost({ epochs }: StreamRecord): Reading[] {
  return epochs.flatMap(({ opening, closing }) => [opening.before, closing.after ?? closing.before])
}
