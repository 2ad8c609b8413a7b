import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** Turns the text of a setting into its value. A refusal reads on from the name: "must be …". */
export type SettingParser<T> = (text: string) => Result<T>

/** A whole number from min to max. */
export function integer(bounds: { readonly min: number; readonly max: number }): SettingParser<number> {
  return (value) => {
    const parsed = /^(?:0|-?[1-9][0-9]{0,15})$/.test(value) ? Number.parseInt(value, 10) : Number.NaN
    if (Number.isSafeInteger(parsed) && parsed >= bounds.min && parsed <= bounds.max) return ok(parsed)
    return fail('CONFIG_INVALID', `must be a whole number from ${bounds.min} to ${bounds.max}`)
  }
}

/** Text of min to max characters (1 to 1000 by default) that fits the pattern, if any. */
export function text(
  bounds: { readonly min?: number; readonly max?: number; readonly pattern?: RegExp } = {},
): SettingParser<string> {
  const { min = 1, max = 1000, pattern } = bounds
  return (value) => {
    if (value.length < min || value.length > max) {
      return fail('CONFIG_INVALID', `must have ${min} to ${max} characters`)
    }
    if (pattern !== undefined && !pattern.test(value)) {
      return fail('CONFIG_INVALID', `must match ${pattern.source}`)
    }
    return ok(value)
  }
}

/** One of the given words. */
export function choice<const T extends string>(values: readonly T[]): SettingParser<T> {
  return (value) => {
    const chosen = values.find((candidate) => candidate === value)
    return chosen === undefined ? fail('CONFIG_INVALID', `must be one of ${values.join(', ')}`) : ok(chosen)
  }
}

/** Some of the given words, joined by commas, each once. */
export function choices<const T extends string>(values: readonly T[]): SettingParser<readonly T[]> {
  return (value) => {
    const words = value.split(',').map((word) => word.trim())
    const chosen = values.filter((candidate) => words.includes(candidate))
    if (chosen.length === words.length) return ok(chosen)
    return fail('CONFIG_INVALID', `must be some of ${values.join(', ')}, joined by commas, each once`)
  }
}

/** Texts joined by commas, each of 1 to 256 characters, at most `max`. */
export function list(bounds: { readonly max: number }): SettingParser<readonly string[]> {
  return (value) => {
    const words = value.split(',').map((word) => word.trim())
    if (words.length <= bounds.max && words.every((word) => word !== '' && word.length <= 256))
      return ok(words)
    return fail('CONFIG_INVALID', `must be at most ${bounds.max} words joined by commas`)
  }
}

/** An absolute URL of one of the protocols, given without colon as in "https"; kept as it was written. */
export function url(protocols: readonly string[]): SettingParser<string> {
  return (value) => {
    const protocol = URL.parse(value)?.protocol.slice(0, -1)
    if (protocol !== undefined && protocols.includes(protocol)) return ok(value)
    return fail(
      'CONFIG_INVALID',
      `must be a URL that starts with ${protocols.map((name) => `${name}://`).join(' or ')}`,
    )
  }
}

/** "true" or "false". */
export const boolean: SettingParser<boolean> = (value) => {
  if (value === 'true' || value === 'false') return ok(value === 'true')
  return fail('CONFIG_INVALID', 'must be true or false')
}

/** A path of a file or directory, relative to the working directory unless absolute. */
export const path: SettingParser<string> = (value) => {
  if (value.length > 0 && value.length <= 4096 && !value.includes('\0')) return ok(value)
  return fail('CONFIG_INVALID', 'must be a path of 1 to 4096 characters')
}
