import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** What JSON can carry here: numbers are safe integers, decimals travel as strings. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** Deepest nesting that is read. */
const JSON_DEPTH_MAX = 64

/** Whether the value is an object, neither null nor an array. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The one text of a value: keys sorted by UTF-16 code unit, no white space.
 * Throws on a number that is not a safe integer and on text that is not Unicode.
 * Source: RFC 8785, restricted to integers.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return canonicalString(value)
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new TypeError(`${value} is not a safe integer; write decimals as strings`)
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isJsonArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([key, member]) => `${canonicalString(key)}:${canonicalJson(member)}`).join(',')}}`
}

/**
 * Reads JSON strictly: no duplicate keys, numbers only as safe integers, at most 64 levels.
 * Faults: BODY_MALFORMED.
 */
export function parseJson(text: string): Result<JsonValue> {
  let value: JsonValue
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return fail('BODY_MALFORMED', `this is not JSON: ${error.message}`)
    throw error
  }
  const objection = objectionToKeys(text) ?? objectionToValues(value)
  return objection === undefined ? ok(value) : fail('BODY_MALFORMED', objection)
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('text with a lone surrogate is not Unicode')
  return JSON.stringify(text)
}

function isJsonArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** What valid JSON has against it in its keys as written, which the platform's parser does not show: a repeated one, or too deep nesting. */
export function objectionToKeys(text: string): string | undefined {
  const open: Set<string>[] = []
  let latest = ''
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      latest = text.slice(at, end + 1)
      at = end
    } else if (character === '{' || character === '[') {
      if (open.push(new Set()) > JSON_DEPTH_MAX) return `JSON may nest at most ${JSON_DEPTH_MAX} levels`
    } else if (character === '}' || character === ']') open.pop()
    else if (character === ':') {
      // A colon outside of strings follows a key, which may be spelt with escapes.
      const key: string = latest.includes('\\') ? JSON.parse(latest) : latest.slice(1, -1)
      const keys = open.at(-1)
      if (keys?.has(key) === true) return `the key ${latest} appears twice in one object`
      keys?.add(key)
    }
  }
  return undefined
}

/** Where the string that begins there ends: at the first quote behind an even number of backslashes. */
function endOfString(text: string, start: number): number {
  let end = start
  let before
  do {
    end = text.indexOf('"', end + 1)
    before = end
    while (text[before - 1] === '\\') before -= 1
  } while ((end - before) % 2 === 1)
  return end
}

function objectionToValues(value: JsonValue): string | undefined {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return `${value} is not a safe integer; write decimals and larger numbers as strings`
  }
  if (typeof value === 'string' && !value.isWellFormed()) return 'text with a lone surrogate is not Unicode'
  if (value === null || typeof value !== 'object') return undefined
  if (isJsonArray(value)) return firstDefined(value, objectionToValues)
  return firstDefined(
    Object.entries(value),
    ([key, member]) => objectionToValues(key) ?? objectionToValues(member),
  )
}

function firstDefined<T, U>(items: readonly T[], pick: (item: T) => U | undefined): U | undefined {
  for (const item of items) {
    const picked = pick(item)
    if (picked !== undefined) return picked
  }
  return undefined
}
