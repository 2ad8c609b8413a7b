import type { Boundary, StreamUsage, UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { measurementAt } from '../invoice/invoice.ts'
import type { Measured, Statement } from '../invoice/invoice.ts'
import { formatDuration, formatLocal, formatSpan } from './local-time.ts'
import type { Cell } from './table.ts'

/** Longest list of spans in one note, and of lines that share a measurement; the proof has all. */
const LIST_SHOWN = 5

/** One row for each life of each meter behind the lines. */
export function readingRows({ measurement, lineNumbers }: Measured, timeZone: string): Cell[][] {
  const { meter, unit, streams } = measurement
  return streams.flatMap(({ resource, epochs }) =>
    epochs.map(({ opening, closing, quantity }) => [
      { text: listed(lineNumbers.map(String), ', ', '…') },
      { text: resource, note: meter },
      boundaryCell(opening, timeZone),
      boundaryCell(closing, timeZone),
      { text: `${quantity}`, note: unit },
    ]),
  )
}

/** What readings do not cover, in words; nothing where they cover all. */
export function gapNotes({ measurement, lineNumbers }: Measured, timeZone: string): string[] {
  const lines = `Line${lineNumbers.length > 1 ? 's' : ''} ${listed(lineNumbers.map(String), ', ', 'others')}`
  return measurement.streams.flatMap((usage) => gapNote(lines, usage, timeZone))
}

/** Usage that is on no line, in words. */
export function unpricedNotes({ snapshot, unpriced }: Statement, timeZone: string): string[] {
  return unpriced.map(({ measurement, periods }) => {
    const { resource, meter } = measurementAt(snapshot, measurement)
    return `${resource}, ${meter}: ${spans(periods, timeZone)}.`
  })
}

/** What stands in for what nobody measured, in words. */
export function estimateNotes({ snapshot }: Statement, timeZone: string): string[] {
  return snapshot.estimates.map(({ measurement, resource, periods, reference }) => {
    const { meter, unit } = measurementAt(snapshot, measurement)
    const hour = spans(reference?.period === undefined ? [] : [reference.period], timeZone)
    return `${resource}, ${meter}: ${spans(periods, timeZone)} as in ${hour}, when it was ${reference?.quantity ?? ''} ${unit}.`
  })
}

/** What persons decided about usage, in words. */
export function correctionNotes({ snapshot }: Statement, timeZone: string): string[] {
  // Earlier ones are there for the hours that stand in for gaps.
  const own = snapshot.usageCorrections.filter(({ period }) => period!.toMs > snapshot.inForce!.fromMs)
  return own.map((entry) => {
    const { resource, meter, period, reason, person, enteredMs } = entry
    const what = `${resource}${meter === '' ? '' : `, ${meter}`}`
    const when = spans(period === undefined ? [] : [period], timeZone)
    const said = `${reason} (${person}, ${formatLocal(Number(enteredMs), timeZone)})`
    return `${what}: ${when} ${decidedIn(entry)}. ${said}`
  })
}

function decidedIn({ kind, quantity, unit, toAccount }: UsageCorrection): string {
  if (kind === 'replace') return `counts as ${quantity} ${unit}`
  return kind === 'transfer' ? `is borne by ${toAccount}` : 'does not count'
}

function gapNote(lines: string, { resource, coverage }: StreamUsage, timeZone: string): string[] {
  if (coverage === undefined || coverage.gaps.length === 0) return []
  const parts = [
    coverage.missingMs > 0n ? `nothing was measured for ${formatDuration(coverage.missingMs)}` : '',
    coverage.spreadMs > 0n
      ? `for ${formatDuration(coverage.spreadMs)} the quantity was measured, but not when in that time it was used`
      : '',
  ].filter((part) => part !== '')
  return [`${lines}, ${resource}: ${parts.join('; ')} (${spans(coverage.gaps, timeZone)}).`]
}

function spans(
  list: readonly { readonly fromMs: bigint; readonly toMs: bigint }[],
  timeZone: string,
): string {
  const texts = list.map(({ fromMs, toMs }) =>
    formatSpan({ from: Number(fromMs), to: Number(toMs) }, timeZone),
  )
  return listed(texts, '; ', `${texts.length - LIST_SHOWN} more in the proof`)
}

function listed(texts: readonly string[], separator: string, more: string): string {
  const shown = texts.slice(0, LIST_SHOWN)
  return (texts.length > LIST_SHOWN ? [...shown, more] : shown).join(separator)
}

function boundaryCell(boundary: Boundary | undefined, timeZone: string): Cell {
  if (boundary === undefined) return { text: '–' }
  return { text: `${boundary.register}`, note: formatLocal(Number(boundary.atMs), timeZone) }
}
