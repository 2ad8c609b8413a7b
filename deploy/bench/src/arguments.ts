import { parseArgs } from 'node:util'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'help' }
  | {
      readonly name: 'ingest'
      /** Last line of standard output is the result as JSON. */
      readonly json: boolean
      /** Readings measured; the load is rounded up to whole batches. */
      readonly readings: number
    }

const READINGS = 2_400_000
const READINGS_MAX = 100_000_000

/** Text of --help. */
export function helpText(): string {
  return `bench: what Vouch does a second, beside what it is built on

  npm run bench -- NAME [--json] [--readings N]
  npm run bench -- --help

  ingest    Signed readings through the real collector program, from socket to receipt, beside the raw engine
            inserting the same rows from ready files into the same tables. ratio = readings per CPU-second of the
            collector's process ÷ readings per CPU-second of the raw engine's: 1 would mean that gRPC, TLS, signatures,
            checks and receipts cost nothing.

  --json        the last line of standard output is {name, ratio, figures, reference}; the table goes to standard error
  --readings N  readings measured, ${READINGS.toLocaleString('en')} where nothing is said
`
}

/** Reads the command line. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID. */
export function readArguments(args: readonly string[]): Result<Command> {
  const flag = { type: 'boolean', default: false } as const
  const options = { help: { ...flag, short: 'h' }, json: flag, readings: { type: 'string' } } as const
  let parsed
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help) return ok({ name: 'help' })
  const [name, ...rest] = positionals
  if (name === undefined) return fail('FIELD_MISSING', 'name a bench: ingest; see --help')
  if (name !== 'ingest' || rest.length > 0) {
    return fail('FIELD_UNKNOWN', `${positionals.join(' ')} is not a bench; there is: ingest`)
  }
  const text = values.readings ?? String(READINGS)
  const readings = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (readings < 1 || readings > READINGS_MAX) {
    return fail('FIELD_INVALID', `--readings is a whole number from 1 to ${READINGS_MAX}, not ${text}`)
  }
  return ok({ name, json: values.json, readings })
}
