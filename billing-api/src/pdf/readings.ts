import type { Boundary, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { measurementsOf } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine } from '../invoice/invoice.ts'
import { formatDuration, formatLocal, formatSpan } from './local-time.ts'
import type { Cell } from './table.ts'

/** Longest list of gaps for one meter; the proof has all. */
const GAPS_SHOWN = 5

/** One row for each life of each meter behind a line. */
export function readingRows(
  { lineNumber, charge, statement }: InvoiceLine,
  { statements, timeZone }: Pick<Invoice, 'statements' | 'timeZone'>,
): Cell[][] {
  return measurementsOf(charge, statements[statement]?.snapshot).flatMap(({ meter, unit, streams }) =>
    streams.flatMap(({ resource, epochs }) =>
      epochs.map(({ opening, closing, quantity }) => [
        { text: `${lineNumber}` },
        { text: resource, note: meter },
        boundaryCell(opening, timeZone),
        boundaryCell(closing, timeZone),
        { text: `${quantity}`, note: unit },
      ]),
    ),
  )
}

/** What readings do not cover, in words; nothing where they cover all. */
export function gapNotes(
  { lineNumber, charge, statement }: InvoiceLine,
  { statements, timeZone }: Pick<Invoice, 'statements' | 'timeZone'>,
): string[] {
  return measurementsOf(charge, statements[statement]?.snapshot).flatMap(({ streams }) =>
    streams.flatMap((usage) => gapNote(lineNumber, usage, timeZone)),
  )
}

function gapNote(lineNumber: number, { resource, coverage }: StreamUsage, timeZone: string): string[] {
  if (coverage === undefined || coverage.gaps.length === 0) return []
  const parts = [
    coverage.missingMs > 0n ? `nothing was measured for ${formatDuration(coverage.missingMs)}` : '',
    coverage.spreadMs > 0n
      ? `for ${formatDuration(coverage.spreadMs)} the quantity was measured, but not when in that time it was used`
      : '',
  ].filter((part) => part !== '')
  const spans = coverage.gaps
    .slice(0, GAPS_SHOWN)
    .map(({ fromMs, toMs }) => formatSpan({ from: Number(fromMs), to: Number(toMs) }, timeZone))
  const more =
    coverage.gaps.length > GAPS_SHOWN ? `; ${coverage.gaps.length - GAPS_SHOWN} more in the proof` : ''
  return [`Line ${lineNumber}, ${resource}: ${parts.join('; ')} (${spans.join('; ')}${more}).`]
}

function boundaryCell(boundary: Boundary | undefined, timeZone: string): Cell {
  if (boundary === undefined) return { text: '–' }
  return { text: `${boundary.register}`, note: formatLocal(Number(boundary.atMs), timeZone) }
}
