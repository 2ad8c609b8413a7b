import type { JsonObject as Struct } from '@bufbuild/protobuf'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Failure } from '@vouch/proto/kernel/fault.ts'
import { canonicalJson, isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'

/** Deepest nesting of a rule: the wire spends three levels of a hundred on each. */
const DEPTH_MAX = 16

/** The rule with the members of every object in ascending order of their names. */
export function canonicalRule(rule: JsonObject): Struct {
  return JSON.parse(canonicalJson(rule))
}

/** Whether text can be kept and shown everywhere: it has no control characters. */
export function isPlainText(text: string): boolean {
  return !/\p{Cc}/u.test(text)
}

/**
 * What would not reach rating as it was written: text with control characters, nesting beyond 16 levels, and the
 * member `__proto__`. Pointers begin with the rule's own. Faults: FIELD_INVALID, FIELD_UNKNOWN.
 */
export function ruleObjections(value: JsonValue, pointer: string, depth = 1): Failure[] {
  if (typeof value === 'string') return textObjections(value, pointer)
  if (value === null || typeof value !== 'object') return []
  if (depth > DEPTH_MAX) {
    return [fail('FIELD_INVALID', `a rule nests at most ${DEPTH_MAX} levels`, { pointer })]
  }
  if (!isJsonObject(value)) {
    return value.flatMap((member, index) => ruleObjections(member, `${pointer}/${index}`, depth + 1))
  }
  return Object.entries(value).flatMap(([name, member]) => {
    const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (name === '__proto__') {
      return [fail('FIELD_UNKNOWN', 'a rule has no member __proto__', { pointer: place })]
    }
    return [...textObjections(name, place), ...ruleObjections(member, place, depth + 1)]
  })
}

function textObjections(text: string, pointer: string): Failure[] {
  return isPlainText(text) ? [] : [fail('FIELD_INVALID', 'text has no control characters', { pointer })]
}
