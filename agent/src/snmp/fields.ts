import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'

type Parser<T> = (text: string) => Result<T>

/** Reads the members of one map of a document; what is wrong goes to `faults`, each with its pointer. */
export class Fields {
  readonly #members: JsonObject
  readonly #pointer: string
  readonly #faults: Fault[]

  constructor(members: JsonObject, pointer: string, known: readonly string[], faults: Fault[]) {
    this.#members = members
    this.#pointer = pointer
    this.#faults = faults
    for (const key of Object.keys(members)) {
      if (known.includes(key)) continue
      const suggestion = nearest(key, known)
      const hint = suggestion === undefined ? 'remove it' : `did you mean ${suggestion}?`
      this.#object('CONFIG_UNKNOWN_KEY', key, `${key} is not a setting here; ${hint}`)
    }
  }

  /** A value that must be there. */
  required<T>(key: string, parser: Parser<T>): T | undefined {
    if (this.#members[key] !== undefined) return this.optional(key, parser)
    this.#object('CONFIG_MISSING', key, `${key} is missing`)
    return undefined
  }

  /** A value that may be left out. */
  optional<T>(key: string, parser: Parser<T>): T | undefined {
    const value = this.#members[key]
    return value === undefined ? undefined : this.#parse(key, key, value, parser)
  }

  /** A secret, given itself or as the file that holds it; its value is in no message. */
  secret(
    key: string,
    parser: Parser<string>,
    readSecret: (path: string) => Result<string>,
  ): string | undefined {
    const fileKey = `${key}File`
    const [own, file] = [this.#members[key], this.#members[fileKey]]
    if ((own === undefined) === (file === undefined)) {
      const [code, what] =
        own === undefined
          ? (['CONFIG_MISSING', 'give'] as const)
          : (['CONFIG_INVALID', 'give only one of'] as const)
      this.#object(code, key, `${what} ${key} or ${fileKey}`)
      return undefined
    }
    if (file === undefined) return this.#checkedSecret(key, own, parser)
    const content = typeof file === 'string' ? readSecret(file) : fail('CONFIG_INVALID', 'must be a path')
    if (content.ok) return this.#checkedSecret(fileKey, content.value, parser)
    this.#object('CONFIG_INVALID', fileKey, `${fileKey}: ${content.fault.message}`)
    return undefined
  }

  /** Refuses a key that has no meaning beside others. */
  refuse(key: string, why: string): void {
    if (this.#members[key] !== undefined) this.#object('CONFIG_INVALID', key, `${key} ${why}`)
  }

  /** A list of anything. */
  list(key: string): readonly JsonValue[] {
    const value = this.#members[key]
    if (value === undefined) return []
    if (Array.isArray(value)) return value as readonly JsonValue[]
    this.#object('CONFIG_INVALID', key, `${key} must be a list`)
    return []
  }

  /** A list of different texts. */
  texts(key: string, fallback: readonly string[]): readonly string[] {
    if (this.#members[key] === undefined) return fallback
    const texts: string[] = []
    for (const [index, value] of this.list(key).entries()) {
      const objection = typeof value !== 'string' || value === '' ? 'must be text' : 'is listed twice'
      if (typeof value === 'string' && value !== '' && !texts.includes(value)) texts.push(value)
      else this.#object('CONFIG_INVALID', `${key}/${index}`, `a member of ${key} ${objection}`)
    }
    return texts
  }

  /** A map within, empty where it is left out. */
  section(key: string, known: readonly string[]): Fields {
    const value = this.#members[key]
    if (value !== undefined && !isJsonObject(value))
      this.#object('CONFIG_INVALID', key, `${key} must be a map`)
    return new Fields(isJsonObject(value) ? value : {}, `${this.#pointer}/${key}`, known, this.#faults)
  }

  /** A map of names of any kind. */
  map<T>(key: string, parser: Parser<T>): ReadonlyMap<string, T> {
    const value = this.#members[key]
    if (value !== undefined && !isJsonObject(value))
      this.#object('CONFIG_INVALID', key, `${key} must be a map`)
    const entries = Object.entries(isJsonObject(value) ? value : {}).flatMap(([name, member]) => {
      const parsed = this.#parse(`${key}/${escapePointer(name)}`, name, member, parser)
      return parsed === undefined ? [] : [[name, parsed] as const]
    })
    return new Map(entries)
  }

  #checkedSecret(key: string, value: JsonValue | undefined, parser: Parser<string>): string | undefined {
    const parsed = typeof value === 'string' ? parser(value) : fail('CONFIG_INVALID', 'must be text')
    if (parsed.ok) return parsed.value
    this.#object('CONFIG_INVALID', key, `${key} ${parsed.fault.message}`)
    return undefined
  }

  #parse<T>(where: string, name: string, value: JsonValue, parser: Parser<T>): T | undefined {
    const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    const parsed = isScalar ? parser(String(value)) : fail('CONFIG_INVALID', 'must be a single value')
    if (parsed.ok) return parsed.value
    this.#object('CONFIG_INVALID', where, `${name} ${parsed.fault.message}`)
    return undefined
  }

  #object(code: Fault['code'], where: string, message: string): void {
    this.#faults.push(fail(code, message, { pointer: `${this.#pointer}/${where}` }).fault)
  }
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
