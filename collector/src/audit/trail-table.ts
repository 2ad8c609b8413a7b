import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/instant.ts'

/** A reading with its batch, as far as the table shows them. */
export interface TrailLine {
  readonly stream_hex: string
  readonly run_hex: string
  readonly sequence: string
  readonly row: number
  readonly epoch: string
  readonly time_ms: string
  readonly register: string
  readonly digest_hex: string
  readonly received_ms: string
  readonly late_ms: string
  readonly clock_offset_ms: string
  readonly receipt_sequence: string
  readonly day_name: string
}

const HEAD = [
  'time',
  'epoch',
  'register',
  'run',
  'batch',
  'row',
  'digest',
  'received',
  'late ms',
  'clock offset ms',
  'receipt',
  'day root',
]
const DIGITS_SHOWN = 12

/** The readings of streams as a person reads them: columns two spaces apart. */
export function trailTable(streams: readonly StreamDefinition[], rows: readonly TrailLine[]): string {
  return streams
    .map(({ streamId, resource, meter, unit }) => {
      const own = rows.filter(({ stream_hex }) => stream_hex === streamId.toHex())
      return `${resource}  ${meter} (${unit})  stream ${streamId.toHex()}: ${own.length} readings\n${table(own)}`
    })
    .join('\n')
}

function table(rows: readonly TrailLine[]): string {
  const cells = [HEAD, ...rows.map((row) => line(row))]
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function line(row: TrailLine): string[] {
  return [
    formatInstant(Number(row.time_ms)),
    row.epoch,
    row.register,
    row.run_hex.slice(0, DIGITS_SHOWN),
    row.sequence,
    `${row.row}`,
    row.digest_hex.slice(0, DIGITS_SHOWN),
    formatInstant(Number(row.received_ms)),
    row.late_ms,
    row.clock_offset_ms,
    row.receipt_sequence === '0' ? 'none yet' : `up to ${row.receipt_sequence}`,
    row.day_name === '' ? 'not closed yet' : row.day_name,
  ]
}
