import { compareBytes, fromHex, toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Reading } from '../usage/boundary.ts'
import type { Interval } from '../usage/interval.ts'
import type { Dials, SlotReadings } from '../usage/slots.ts'
import type { StreamRecord } from '../usage/stream-usage.ts'
import { type Reader, textOf } from './reader.ts'
import type { RowBinary } from './row-binary.ts'
import { holdersQuery, slotsQuery } from './usage-query.ts'

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
  const parts = [...Map.groupBy(measured, ({ stream }) => stream.agentId)].flatMap(([agent, own]) =>
    chunks(own).map((part) => ({ agent, part })),
  )
  for (const { agent, part } of parts) {
    const around = part.flatMap((record) => outermost(record))
    const between = {
      from: Math.min(stretch.from, ...around.map(({ timeMs }) => timeMs)),
      to: Math.max(stretch.to, ...around.map(({ timeMs }) => timeMs)),
    }
    const streams = part.map(({ stream }) => stream.streamId)
    const baseMs = stretch.from - Math.ceil((stretch.from - between.from) / slotMs) * slotMs
    // One is read here while the engine works on the other.
    const [rows, holders] = await Promise.all([
      reader.binary(slotsQuery(streams, between, baseMs, slotMs), dialsOfRow),
      reader.rows(holdersQuery(agent, streams, between)),
    ])
    if (!rows.ok) return rows
    if (!holders.ok) return holders
    for (const { id, dials } of rows.value) epochs.set(id, [...(epochs.get(id) ?? []), dials])
    for (const row of holders.value) {
      const digest = textOf(row, 'digestHex')
      if (/^0*$/.test(digest))
        return fail('EVIDENCE_MISSING', `a batch of agent ${agent} that holds readings of slots has gone`)
      batches.set(digest, unwrap(fromHex(digest)))
    }
    for (const { batchDigest } of around) batches.set(toHex(batchDigest), batchDigest)
  }
  return ok({ epochs, batches: [...batches.values()].toSorted(compareBytes) })
}

/** The first and the last reading that a stream's usage over the stretch follows from. */
function outermost({ epochs }: StreamRecord): Reading[] {
  return epochs.flatMap(({ opening, closing }) => [opening.before, closing.after ?? closing.before])
}

function dialsOfRow(row: RowBinary): { readonly id: string; readonly dials: Dials } {
  return { id: row.hex(16), dials: { timesMs: row.integers(), registers: row.uint64s() } }
}

function chunks<T>(all: readonly T[]): T[][] {
  const parts = Math.ceil(all.length / STREAMS_PER_QUERY)
  return Array.from({ length: parts }, (_, i) =>
    all.slice(i * STREAMS_PER_QUERY, (i + 1) * STREAMS_PER_QUERY),
  )
}
