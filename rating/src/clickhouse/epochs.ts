import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { type EpochRecord, measuredPart } from '../usage/epoch-usage.ts'
import { type Interval, clip } from '../usage/interval.ts'
import { type Reader, type Row, bigintOf, integerOf, textOf } from './reader.ts'
import { type ReadingsAt, readingKey } from './readings-at.ts'
import { type ReadingKey, cutsQuery, epochsQuery } from './usage-query.ts'

/** Instants of one query: each is two columns. */
const CUTS_PER_QUERY = 32

/** Times of the readings around an instant; `afterMs` is 0 where a reading lies at the instant, or none does after it. */
interface Around {
  readonly beforeMs: number
  readonly afterMs: number
}

/** An epoch's place in time, and the times of its readings around the ends of a period and around cuts. */
export interface EpochRow {
  readonly streamId: string
  readonly epoch: bigint
  readonly firstMs: number
  readonly lastMs: number
  readonly opening: Around
  readonly closing: Around
  readonly cuts: readonly (Around & { readonly atMs: number })[]
}

/** Epochs that began before the end of the period, with what lies around its ends and the cuts. Faults: STORE_UNAVAILABLE. */
export async function readEpochs(
  reader: Reader,
  streamIds: readonly string[],
  period: Interval,
  cuts: readonly number[],
): Promise<Result<EpochRow[]>> {
  const rows = await reader.rows(epochsQuery(streamIds, period))
  if (!rows.ok) return rows
  const around = new Map<string, (Around & { readonly atMs: number })[]>()
  for (let i = 0; i < cuts.length; i += CUTS_PER_QUERY) {
    const part = cuts.slice(i, i + CUTS_PER_QUERY)
    const found = await reader.rows(cutsQuery(streamIds, part))
    if (!found.ok) return found
    for (const row of found.value) {
      const key = epochKey(textOf(row, 'streamId'), bigintOf(row, 'epoch'))
      const known = around.get(key) ?? []
      part.forEach((atMs, column) =>
        known.push({ atMs, ...aroundOf(row, `before${column}`, `after${column}`) }),
      )
      around.set(key, known)
    }
  }
  return ok(
    rows.value.map((row) => {
      const epoch = epochRow(row)
      return {
        ...epoch,
        cuts: inside(around.get(epochKey(epoch.streamId, epoch.epoch)) ?? [], epoch, period),
      }
    }),
  )
}

/** The name of an epoch. */
export function epochKey(streamId: string, epoch: bigint): string {
  return `${streamId} ${epoch}`
}

function epochRow(row: Row): Omit<EpochRow, 'cuts'> {
  return {
    streamId: textOf(row, 'streamId'),
    epoch: bigintOf(row, 'epoch'),
    firstMs: integerOf(row, 'firstMs'),
    lastMs: integerOf(row, 'lastMs'),
    opening: aroundOf(row, 'openingBeforeMs', 'openingAfterMs'),
    closing: aroundOf(row, 'closingBeforeMs', 'closingAfterMs'),
  }
}

function aroundOf(row: Row, before: string, after: string): Around {
  return { beforeMs: integerOf(row, before), afterMs: integerOf(row, after) }
}

/** The cuts at which the epoch was being measured; a reading at the instant needs none after it. */
function inside(
  cuts: EpochRow['cuts'],
  epoch: { firstMs: number; lastMs: number },
  period: Interval,
): EpochRow['cuts'] {
  const part = measuredPart(epoch, period)
  if (part === undefined) return []
  return cuts
    .filter(({ atMs }) => part.from < atMs && atMs < part.to)
    .map((cut) => (cut.beforeMs === cut.atMs ? { ...cut, afterMs: 0 } : cut))
}

/** Times of the readings around an end of the measured part; `after` is 0 where a reading lies at the end. */
export function boundaryTimes(epoch: EpochRow, period: Interval): { opening: Around; closing: Around } {
  const end = (atMs: number, periodMs: number, around: Around): Around => {
    if (atMs !== periodMs || around.beforeMs === atMs) return { beforeMs: atMs, afterMs: 0 }
    return around
  }
  const part = measuredPart(epoch, period)!
  return {
    opening: end(part.from, period.from, epoch.opening),
    closing: end(part.to, period.to, epoch.closing),
  }
}

/** The readings that an epoch's record is made of. */
export function readingKeys(epoch: EpochRow, period: Interval): ReadingKey[] {
  const { opening, closing } = boundaryTimes(epoch, period)
  const times = new Set(
    [opening, closing, ...epoch.cuts].flatMap(({ beforeMs, afterMs }) => [beforeMs, afterMs]),
  )
  times.delete(0)
  return [...times].map((timeMs) => ({ stream: epoch.streamId, epoch: epoch.epoch, timeMs }))
}

/** The record of an epoch from the readings around its ends and cuts. */
export function epochRecord(
  epoch: EpochRow,
  period: Interval,
  holes: ReadonlyMap<string, readonly Interval[]>,
  readings: ReadonlyMap<string, ReadingsAt>,
): EpochRecord {
  const { streamId, epoch: name, firstMs, lastMs } = epoch
  const at = (timeMs: number) => readings.get(readingKey(streamId, name, timeMs))!
  const pair = ({ beforeMs, afterMs }: Around): EpochRecord['opening'] => ({
    before: at(beforeMs).high,
    after: afterMs === 0 ? undefined : at(afterMs).low,
  })
  const times = boundaryTimes(epoch, period)
  const part = measuredPart(epoch, period)!
  const own = (holes.get(epochKey(streamId, name)) ?? []).map((hole) => clip(hole, part))
  return {
    epoch: name,
    firstMs,
    lastMs,
    opening: pair(times.opening),
    closing: pair(times.closing),
    cuts: epoch.cuts.map((cut) => ({ atMs: cut.atMs, ...pair(cut) })),
    holes: own.filter((hole) => hole.from < hole.to),
  }
}
