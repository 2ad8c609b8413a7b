import type { Tally } from '../proxy/disorder.ts'
import type { KillReport } from './kill.ts'

const HEADINGS = ['STREAM', 'BILLED', 'UNIT', 'KERNEL SAYS', 'EPOCHS', 'GAPS', 'COVERED', 'SPREAD', 'MISSING']

/** A report as a table for people, with every problem below it. */
export function printReport(report: KillReport): string {
  const rows = report.streams.map(
    ({ key, billed, unit, kernel, epochs, gaps, coveredMs, spreadMs, missingMs }) => [
      key.trim(),
      billed,
      unit,
      kernel === undefined ? '' : `${kernel.low}–${kernel.high}`,
      ...[epochs, gaps, coveredMs, spreadMs, missingMs].map(String),
    ],
  )
  const table = [HEADINGS, ...rows]
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  const { agentKills, collectorKills, batches, readings, periodMs, problems } = report
  const summary = `agent killed ${agentKills} times, collector ${collectorKills} times; ${batches} batches, ${readings} readings, period ${periodMs} ms`
  const through = report.proxy === undefined ? '' : `\n${tallies(report.proxy)}`
  const verdict =
    problems.length === 0
      ? 'sound: usage is last − first in every epoch, every uncovered millisecond is listed, nothing sealed is missing'
      : `${problems.length} problems:\n${problems.map((problem) => `  ${problem}`).join('\n')}`
  return `${lines.join('\n')}\n\n${summary}${through}\n${verdict}\n`
}

function tallies({ batches, receipts }: NonNullable<KillReport['proxy']>): string {
  const line = (name: string, { frames, duplicate, reorder, replay, delay, drop }: Tally): string =>
    `${name} through the proxy: ${frames}, of these ${duplicate} twice, ${reorder} overtaken, ${delay} late, ${replay} followed by an old one, ${drop} lost with their connection`
  return `${line('batches', batches)}\n${line('receipts', receipts)}`
}
