import { fail, ok, summarise } from '@vouch/proto/kernel/fault.ts'
import type { Fault, FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'

/** A place in an event: the name of an attribute, or `data` and the names that lead to a member of it. */
export type EventPath = readonly [string, ...string[]]

/** What one type of event counts. */
export interface Declaration {
  readonly meter: string
  readonly unit: string
  /** Where the amount stands; undefined counts 1. */
  readonly amount: EventPath | undefined
  /** A fixed name, or the attribute that names the service. */
  readonly service: string | { readonly from: 'subject' | 'source' }
  /** Names of dimensions and where their values stand, in the order of the file. */
  readonly dimensions: readonly (readonly [string, EventPath])[]
}

/** Declarations by type of event. */
export type Declarations = ReadonlyMap<string, Declaration>

const KEYS = ['meter', 'unit', 'amount', 'service', 'dimensions']
const DIMENSION = /^[a-z][a-z0-9_-]{0,29}$/
const ATTRIBUTE = /^[a-z0-9]{1,40}$/
const DIMENSIONS_MAX = 8

/**
 * Reads the content of the file of events. All faults are reported, each with a pointer.
 * Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY, and those of meters and units.
 */
export function readDeclarations(file: JsonValue): Result<Declarations> {
  const reader = new Reader()
  const found = new Map<string, Declaration>()
  if (!isJsonObject(file))
    return fail('CONFIG_INVALID', 'the file of events must map "events" to types', { pointer: '' })
  reader.known(file, ['events'], '')
  const { events } = file
  if (!isJsonObject(events) || Object.keys(events).length === 0) {
    reader.refuse('CONFIG_MISSING', 'declare at least one type of event under "events"', '/events')
  } else {
    for (const [type, content] of Object.entries(events)) {
      const declaration = reader.declaration(content, `/events/${escapePointer(type)}`)
      if (declaration !== undefined) found.set(type, declaration)
    }
  }
  reader.unitsAgree(found)
  const [first, ...rest] = reader.faults
  return first === undefined ? ok(found) : summarise([first, ...rest])
}

class Reader {
  readonly faults: Fault[] = []

  refuse(code: FaultCode, message: string, pointer: string): undefined {
    this.faults.push(fail(code, message, { pointer }).fault)
    return undefined
  }

  known(object: JsonObject, keys: readonly string[], pointer: string): void {
    for (const key of Object.keys(object)) {
      if (keys.includes(key)) continue
      const suggestion = nearest(key, keys)
      const hint = suggestion === undefined ? `known are ${keys.join(', ')}` : `did you mean ${suggestion}?`
      this.refuse(
        'CONFIG_UNKNOWN_KEY',
        `${key} is not read here; ${hint}`,
        `${pointer}/${escapePointer(key)}`,
      )
    }
  }

  declaration(content: JsonValue, pointer: string): Declaration | undefined {
    if (!isJsonObject(content))
      return this.refuse('CONFIG_INVALID', 'declare meter, unit and service of the type', pointer)
    const before = this.faults.length
    this.known(content, KEYS, pointer)
    const [meter, unit] = [this.#text(content, 'meter', pointer), this.#text(content, 'unit', pointer)]
    const service = this.#service(content['service'], `${pointer}/service`)
    const amount = this.#amount(content['amount'], `${pointer}/amount`)
    const dimensions = this.#dimensions(content['dimensions'], `${pointer}/dimensions`)
    if (meter !== undefined && unit !== undefined) this.#meter(meter, unit, pointer)
    if (meter === undefined || unit === undefined || service === undefined) return undefined
    return this.faults.length > before ? undefined : { meter, unit, amount, service, dimensions }
  }

  /** One meter has one unit throughout. */
  unitsAgree(found: Declarations): void {
    const units = new Map<string, string>()
    for (const [type, { meter, unit }] of found) {
      const other = units.get(meter) ?? unit
      units.set(meter, other)
      if (other !== unit)
        this.refuse(
          'UNIT_MISMATCH',
          `${meter} counts ${other} for another type, not ${unit}`,
          `/events/${escapePointer(type)}/unit`,
        )
    }
  }

  #text(content: JsonObject, key: string, pointer: string): string | undefined {
    const value = content[key]
    // YAML reads the unit of numbers of things, 1, as a number.
    if (key === 'unit' && value === 1) return '1'
    if (typeof value === 'string' && value !== '') return value
    const code = value === undefined ? 'CONFIG_MISSING' : 'CONFIG_INVALID'
    return this.refuse(code, `${key} must be a text`, `${pointer}/${key}`)
  }

  #meter(meter: string, unit: string, pointer: string): void {
    const parsed = parseMeter(meter, unit)
    if (!parsed.ok) {
      const member = parsed.fault.code === 'METER_UNKNOWN' ? 'meter' : 'unit'
      this.refuse(parsed.fault.code, parsed.fault.message, `${pointer}/${member}`)
    } else if (parsed.value.kind !== 'counter')
      this.refuse(
        'CONFIG_INVALID',
        `${meter} is a level over time, which events cannot count`,
        `${pointer}/meter`,
      )
  }

  #service(value: JsonValue | undefined, pointer: string): Declaration['service'] | undefined {
    if (
      typeof value === 'string' &&
      value !== '' &&
      value.isWellFormed() &&
      escapeSegment(value).length <= 100
    )
      return value
    if (isJsonObject(value)) {
      this.known(value, ['from'], pointer)
      const { from } = value
      if (from === 'subject' || from === 'source') return { from }
      return this.refuse('CONFIG_INVALID', 'from must be subject or source', `${pointer}/from`)
    }
    const code = value === undefined ? 'CONFIG_MISSING' : 'CONFIG_INVALID'
    return this.refuse(code, 'service must be a name of at most 100 characters or { from: subject }', pointer)
  }

  #amount(value: JsonValue | undefined, pointer: string): EventPath | undefined {
    if (value === undefined || value === 1) return undefined
    const path = typeof value === 'string' ? pathOf(value) : undefined
    if (path !== undefined && path.length > 1) return path
    return this.refuse('CONFIG_INVALID', 'amount must be 1 or a path such as data.tokens', pointer)
  }

  #dimensions(value: JsonValue | undefined, pointer: string): Declaration['dimensions'] {
    if (value === undefined) return []
    if (!isJsonObject(value) || Object.keys(value).length > DIMENSIONS_MAX) {
      this.refuse('CONFIG_INVALID', `dimensions must map at most ${DIMENSIONS_MAX} names to paths`, pointer)
      return []
    }
    return Object.entries(value).flatMap(([name, text]) => {
      const path = typeof text === 'string' ? pathOf(text) : undefined
      const at = `${pointer}/${escapePointer(name)}`
      if (!DIMENSION.test(name) || name === 'service')
        this.refuse('CONFIG_INVALID', 'a dimension has a name such as region or api-version', at)
      else if (path === undefined)
        this.refuse('CONFIG_INVALID', 'write an attribute such as region, or a path such as data.model', at)
      else return [[name, path] as const]
      return []
    })
  }
}

function pathOf(text: string): EventPath | undefined {
  const [first = '', ...rest] = text.split('.')
  if (!ATTRIBUTE.test(first) || rest.includes('')) return undefined
  return (first === 'data') === rest.length > 0 ? [first, ...rest] : undefined
}

/** A key as one part of a JSON pointer. */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
