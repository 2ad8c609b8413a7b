import { parseArgs } from 'node:util'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Bench } from './bench.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'help' }
  | {
      readonly name: 'run'
      readonly bench: Bench
      /** Last line of standard output is the result as JSON. */
      readonly json: boolean
      /** Of the bench's options. */
      readonly values: Readonly<Record<string, unknown>>
    }

const OPTION_COLUMNS = 22

/** Text of --help. */
export function helpText(benches: readonly Bench[]): string {
  const sections = benches.map(({ name, help, options }) => {
    const lines = Object.entries(options).map(([option, { describe, fallback }]) => {
      const said = fallback === undefined ? '' : `; ${fallback.toLocaleString('en')} where nothing is said`
      return `    ${`--${option} X`.padEnd(OPTION_COLUMNS)}  ${describe}${said}\n`
    })
    return `\n${name}\n${help.replaceAll(/^/gm, '  ')}\n${lines.join('')}`
  })
  return `bench: what Vouch does a second, beside what it is built on

  npm run bench -- NAME [--json] [options]
  npm run bench -- --help

--json: the last line of standard output is {name, ratio, figures, reference}; the table goes to standard error.
${sections.join('')}`
}

/** Reads the command line. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID. */
export function readArguments(args: readonly string[], benches: readonly Bench[]): Result<Command> {
  const known = benches.map(({ name }) => name).join(', ')
  const names = new Set(benches.flatMap(({ options }) => Object.keys(options)))
  const texts = Object.fromEntries([...names].map((name) => [name, { type: 'string' } as const]))
  const flags = { help: { type: 'boolean', short: 'h' }, json: { type: 'boolean' } } as const
  let parsed
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { ...texts, ...flags } })
  } catch (error) {
    return fail('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { help, json, ...given } = parsed.values
  if (help === true) return ok({ name: 'help' })
  const [name, ...rest] = parsed.positionals
  if (name === undefined) return fail('FIELD_MISSING', `name a bench: ${known}; see --help`)
  const bench = benches.find((candidate) => candidate.name === name)
  if (bench === undefined || rest.length > 0) {
    return fail('FIELD_UNKNOWN', `${parsed.positionals.join(' ')} is not a bench; there is: ${known}`)
  }
  const values = readValues(bench, given)
  return values.ok ? ok({ name: 'run', bench, json: json === true, values: values.value }) : values
}

function readValues(bench: Bench, given: Readonly<Record<string, unknown>>): Result<Record<string, unknown>> {
  const stranger = Object.keys(given).find((name) => !(name in bench.options))
  if (stranger !== undefined) return fail('FIELD_UNKNOWN', `${bench.name} takes no --${stranger}`)
  const values: Record<string, unknown> = {}
  for (const [name, { parse, fallback }] of Object.entries(bench.options)) {
    const text = given[name]
    if (typeof text !== 'string') values[name] = fallback
    else {
      const value = parse(text)
      if (!value.ok) return fail('FIELD_INVALID', `--${name} ${value.fault.message}, not ${text}`)
      values[name] = value.value
    }
  }
  return ok(values)
}
