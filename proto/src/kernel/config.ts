import { fail, ok, summarise } from './fault.ts'
import type { Fault, Result } from './fault.ts'
import { isJsonObject } from './json.ts'
import type { JsonValue } from './json.ts'
import { nearest } from './nearest.ts'
import type { SettingParser } from './setting.ts'

export { boolean, choice, choices, integer, list, path, text, url } from './setting.ts'
export type { SettingParser } from './setting.ts'

/** One setting: its names, meaning, form and default. */
export interface Setting<T> {
  /** The environment variable, VOUCH_…; the key of the spec is its name in the file. */
  readonly env: string
  /** What it means, with its unit. */
  readonly describe: string
  readonly parse: SettingParser<T>
  /** The value when nothing is set; a setting without one is required. `undefined` makes it optional. */
  readonly fallback?: T | undefined
  /** A secret's value never appears in messages. */
  readonly secret?: boolean
}

/** Settings under their camelCase names. */
export type ConfigSpec = Readonly<Record<string, Setting<unknown>>>

type Parsed<S> = S extends { readonly parse: SettingParser<infer T> } ? T : never
/** A default is a value of the setting, or says that it may be absent. */
type Absent<S> = S extends { readonly fallback: undefined } ? undefined : never

/** The validated configuration of a spec. */
export type Config<S extends ConfigSpec> = { readonly [K in keyof S]: Parsed<S[K]> | Absent<S[K]> }

/** The variable that names the configuration file; main programs read it, so it is never unknown. */
export const CONFIG_FILE_ENV = 'VOUCH_CONFIG_FILE'

const PREFIX = 'VOUCH_'

/** Declares the settings of a program. Throws when a name breaks the convention or is used twice. */
export function defineConfig<const S extends ConfigSpec>(spec: S): S {
  const names = new Set<string>()
  for (const { env } of Object.values(spec)) {
    if (!/^VOUCH_[A-Z0-9]+(_[A-Z0-9]+)*$/.test(env) || names.has(env)) {
      throw new TypeError(`${env} is not a new VOUCH_… name`)
    }
    names.add(env)
  }
  return spec
}

/**
 * Reads and checks every setting: environment first, then file, then default. An empty variable counts as
 * not set. Variables VOUCH_… that are not in the spec and start with none of `allowedPrefixes`
 * (settings of other programs) are faults. All faults are reported, as `causes` when several.
 * Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY.
 */
export function readConfig<S extends ConfigSpec>(
  spec: S,
  env: Readonly<Record<string, string | undefined>>,
  file: JsonValue = {},
  allowedPrefixes: readonly string[] = [],
): Result<Config<S>> {
  if (!isJsonObject(file)) return fail('CONFIG_INVALID', 'the configuration file must map names to values')
  const faults: Fault[] = [
    ...unknownVariables(spec, env, allowedPrefixes),
    ...unknownKeys(spec, Object.keys(file)),
  ]
  const values: Record<string, unknown> = {}
  for (const [key, setting] of Object.entries(spec)) {
    const result = readSetting(key, setting, env[setting.env], file[key])
    if (result.ok) values[key] = result.value
    else faults.push(result.fault)
  }
  const [first, ...rest] = faults
  return first === undefined ? ok(values as Config<S>) : summarise([first, ...rest])
}

/** The settings as text for --help: variable, meaning and default, one a line. */
export function describeConfig(spec: ConfigSpec): string {
  const width = Math.max(...Object.values(spec).map(({ env }) => env.length))
  return Object.values(spec)
    .map((setting) => `  ${setting.env.padEnd(width)}  ${setting.describe} (${describeDefault(setting)})\n`)
    .join('')
}

function describeDefault(setting: Setting<unknown>): string {
  if (!('fallback' in setting)) return 'required'
  if (setting.fallback === undefined) return 'optional'
  if (setting.secret === true) return 'has a default'
  const { fallback } = setting
  if (Array.isArray(fallback)) return `default ${fallback.join(',')}`
  return `default ${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}`
}

function readSetting(
  key: string,
  setting: Setting<unknown>,
  variable: string | undefined,
  fileValue: JsonValue | undefined,
): Result<unknown> {
  const fromFile = variable === undefined || variable === ''
  const text = fromFile ? textOf(fileValue) : variable
  const pointer = fromFile && fileValue !== undefined ? `/${key}` : setting.env
  if (text === undefined) {
    if (fileValue !== undefined && fromFile)
      return fail('CONFIG_INVALID', `${key} must be a single value`, { pointer })
    if ('fallback' in setting) return ok(setting.fallback)
    return fail('CONFIG_MISSING', `set ${setting.env}, or ${key} in the file: ${setting.describe}`, {
      pointer,
    })
  }
  const parsed = setting.parse(text)
  if (parsed.ok) return parsed
  const reason = setting.secret === true ? 'is not valid' : parsed.fault.message
  return fail('CONFIG_INVALID', `${fromFile ? key : setting.env} ${reason}`, { pointer })
}

/** A list in the file stands for its members joined by commas. */
function textOf(value: JsonValue | undefined): string | undefined {
  if (Array.isArray(value))
    return value.every((each) => typeof each === 'string') ? value.join(',') : undefined
  return value === undefined || (typeof value === 'object' && value !== null) || value === null
    ? undefined
    : `${value}`
}

function unknownVariables(
  spec: ConfigSpec,
  env: Readonly<Record<string, string | undefined>>,
  allowedPrefixes: readonly string[],
): Fault[] {
  const known = [...Object.values(spec).map((setting) => setting.env), CONFIG_FILE_ENV]
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name))
    .filter((name) => !allowedPrefixes.some((prefix) => name.startsWith(prefix)))
    .map((name) => unknownKey(name, name, known))
}

function unknownKeys(spec: ConfigSpec, keys: readonly string[]): Fault[] {
  const known = Object.keys(spec)
  return keys.filter((key) => !Object.hasOwn(spec, key)).map((key) => unknownKey(key, `/${key}`, known))
}

function unknownKey(name: string, pointer: string, known: readonly string[]): Fault {
  const suggestion = nearest(name, known)
  const hint = suggestion === undefined ? 'remove it' : `did you mean ${suggestion}?`
  return fail('CONFIG_UNKNOWN_KEY', `${name} is not a setting; ${hint}`, { pointer }).fault
}
