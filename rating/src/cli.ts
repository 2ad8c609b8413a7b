import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { CONFIG_FILE_ENV } from '@vouch/proto/kernel/config.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { type Period, parsePeriod } from '@vouch/proto/kernel/period.ts'
import { parse } from 'yaml'
import { type RatingConfig, describeRatingConfig, readRatingConfig } from './config.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'run' | 'check-config' | 'help' | 'version' }
  | { readonly name: 'quote'; readonly schema: boolean }
  | { readonly name: 'usage'; readonly resource: string; readonly meter: string; readonly period: Period }

/** Text of --help. */
export function helpText(): string {
  return `vouch-rating: usage and charges from signed meter readings

  vouch-rating [run]           serve the rating API until SIGTERM
  vouch-rating usage RESOURCE --from TIME --to TIME [--meter METER]
                               ask the running service and print a table
  vouch-rating quote           apply the contract to the usage of one JSON document on standard input; charges with
                               their traces, or every fault with its pointer, on standard output
  vouch-rating quote --schema  print the JSON Schema of that document
  vouch-rating check-config    check the settings and stop
  vouch-rating --help | --version

Times are RFC 3339, as in 2026-03-01T00:00:00Z. Settings, from the environment or the YAML file
that VOUCH_CONFIG_FILE names (camelCase keys):
${describeRatingConfig()}`
}

/** Reads the command line. Faults: FIELD_UNKNOWN, FIELD_MISSING, INSTANT_INVALID, PERIOD_REVERSED. */
export function parseCommand(args: readonly string[]): Result<Command> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { help: flag, version: flag, schema: flag, meter: text, from: text, to: text }
  let parsed
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help === true) return ok({ name: 'help' })
  if (values.version === true) return ok({ name: 'version' })
  const [name = 'run', resource] = positionals
  if (name === 'run' || name === 'check-config') return ok({ name })
  if (name === 'quote') return ok({ name, schema: values.schema === true })
  if (name !== 'usage') return fail('FIELD_UNKNOWN', `${name} is not a command; see --help`)
  if (resource === undefined || values.from === undefined || values.to === undefined) {
    return fail('FIELD_MISSING', 'usage needs a resource, --from and --to; see --help')
  }
  const period = parsePeriod(values.from, values.to)
  return period.ok ? ok({ name, resource, meter: values.meter ?? '', period: period.value }) : period
}

/** Settings from the environment and the file it names. */
export async function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<RatingConfig>> {
  const file = env[CONFIG_FILE_ENV]
  if (file === undefined || file === '') return readRatingConfig(env)
  try {
    const content = parse(await readFile(file, 'utf8')) as JsonValue
    return readRatingConfig(env, content)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the configuration file ${file} cannot be read: ${message}`)
  }
}
