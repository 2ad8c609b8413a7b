import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseInstant } from '@vouch/proto/kernel/instant.ts'
import { parseDay } from '@vouch/proto/seal/day.ts'

/** A command of an auditor. Times are epoch milliseconds. */
export type AuditCommand =
  | { readonly name: 'audit close' | 'audit days' }
  | {
      readonly name: 'audit export'
      /** First and last day, both included. */
      readonly fromMs: number | undefined
      readonly toMs: number | undefined
      readonly leaves: boolean
      readonly file: string | undefined
    }
  | { readonly name: 'audit check'; readonly against: string | undefined; readonly readings: boolean }
  | {
      readonly name: 'audit trail'
      /** Streams by resource and meter, or one by its id in hexadecimal. */
      readonly of: { readonly resource: string; readonly meter: string } | { readonly stream: string }
      /** Half-open period. */
      readonly fromMs: number
      readonly toMs: number
      readonly file: string | undefined
    }

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

/** Options of the audit commands, for parseArgs. */
export const AUDIT_OPTIONS = {
  day: text,
  from: text,
  to: text,
  hour: text,
  file: text,
  against: text,
  resource: text,
  meter: text,
  stream: text,
  leaves: flag,
  readings: flag,
} as const

/** Their part of --help. */
export const AUDIT_HELP = `  vouch-collector audit days     closed days with their roots
  vouch-collector audit close    close every UTC day that is due, as the running collector does
  vouch-collector audit export [--day DAY | --from DAY --to DAY] [--leaves] [--file FILE]
                                 signed roots, to be kept where nobody here can change them
  vouch-collector audit check [--against EXPORT] [--readings]
                                 recompute all that is signed from what is stored; exit code 1
                                 names what was changed, removed or added
  vouch-collector audit trail --resource R --meter M | --stream ID
                              --hour TIME | --from TIME --to TIME [--file FILE]
                                 readings with their batches, receipts and roots; FILE is for
                                 vouch-verify
`

/** Values of {@link AUDIT_OPTIONS}. */
export interface AuditValues {
  readonly day?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly hour?: string | undefined
  readonly file?: string | undefined
  readonly against?: string | undefined
  readonly resource?: string | undefined
  readonly meter?: string | undefined
  readonly stream?: string | undefined
  readonly leaves?: boolean | undefined
  readonly readings?: boolean | undefined
}

const HOUR_MS = 3_600_000

/** Options that a command takes. */
const TAKES: Readonly<Record<AuditCommand['name'], readonly (keyof AuditValues)[]>> = {
  'audit close': [],
  'audit days': [],
  'audit export': ['day', 'from', 'to', 'leaves', 'file'],
  'audit check': ['against', 'readings'],
  'audit trail': ['resource', 'meter', 'stream', 'hour', 'from', 'to', 'file'],
}

/** Whether a name is that of an audit command. */
export function isAuditName(name: string): name is AuditCommand['name'] {
  return Object.hasOwn(TAKES, name)
}

/** Reads an audit command. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID, INSTANT_INVALID, PERIOD_REVERSED. */
export function parseAudit(name: AuditCommand['name'], values: AuditValues): Result<AuditCommand> {
  const stranger = Object.keys(AUDIT_OPTIONS).find(
    (option) =>
      values[option as keyof AuditValues] !== undefined && !TAKES[name].includes(option as keyof AuditValues),
  )
  if (stranger !== undefined) return fail('FIELD_UNKNOWN', `${name} does not take --${stranger}`)
  switch (name) {
    case 'audit close':
    case 'audit days':
      return ok({ name })
    case 'audit check':
      return ok({ name, against: values.against, readings: values.readings ?? false })
    case 'audit export':
      return parseExport(values)
    case 'audit trail':
      return parseTrail(values)
    default:
      throw new Error(`not a command: ${JSON.stringify(name satisfies never)}`)
  }
}

function parseExport({ day, from, to, leaves = false, file }: AuditValues): Result<AuditCommand> {
  if (day !== undefined && (from ?? to) !== undefined)
    return fail('FIELD_INVALID', 'give either --day or --from and --to')
  const [first, last] = [day ?? from, day ?? to].map((given) =>
    given === undefined ? ok(undefined) : parseDay(given),
  )
  if (!first!.ok) return first!
  if (!last!.ok) return last!
  const [fromMs, toMs] = [first!.value, last!.value]
  if (fromMs !== undefined && toMs !== undefined && toMs < fromMs)
    return fail('PERIOD_REVERSED', '--to is a day before --from')
  return ok({ name: 'audit export', fromMs, toMs, leaves, file })
}

function parseTrail({ resource, meter, stream, hour, from, to, file }: AuditValues): Result<AuditCommand> {
  const byName = resource !== undefined && meter !== undefined
  if (byName === (stream !== undefined) || (stream !== undefined && (resource ?? meter) !== undefined))
    return fail('FIELD_MISSING', 'audit trail needs --resource and --meter, or --stream')
  if (stream !== undefined && !/^[0-9a-f]{32}$/.test(stream))
    return fail('FIELD_INVALID', '--stream is 32 hexadecimal digits')
  const byPeriod = from !== undefined && to !== undefined
  if (byPeriod === (hour !== undefined) || (hour !== undefined && (from ?? to) !== undefined))
    return fail('FIELD_MISSING', 'audit trail needs --hour, or --from and --to')
  const start = parseInstant(hour ?? from ?? '')
  if (!start.ok) return start
  if (hour !== undefined && start.value % HOUR_MS !== 0)
    return fail('INSTANT_INVALID', `--hour is the beginning of an hour, and ${hour} is not`)
  const end = hour === undefined ? parseInstant(to ?? '') : ok(start.value + HOUR_MS)
  if (!end.ok) return end
  if (end.value <= start.value) return fail('PERIOD_REVERSED', '--to does not lie after --from')
  const of = byName ? { resource, meter } : { stream: stream ?? '' }
  return ok({ name: 'audit trail', of, fromMs: start.value, toMs: end.value, file })
}
