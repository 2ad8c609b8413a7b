import { hash } from 'node:crypto'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { escapeSegment, parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parseInstant } from '@vouch/proto/kernel/instant.ts'
import { PARTS, parseAmount } from './amount.ts'
import type { Declaration, Declarations, EventPath } from './declarations.ts'
import { escapePointer } from './declarations.ts'
import { isExactObject } from './exact-json.ts'
import type { ExactObject, ExactValue } from './exact-json.ts'

/** What a counter counts: one exists per resource and meter, and the resource names the dimensions. */
export interface CounterName {
  readonly resource: string
  readonly meter: string
  readonly unit: string
  /** The dimensions, for people. */
  readonly attributes: Readonly<Record<string, string>>
}

/** An event that can be counted. */
export interface Occurrence {
  /** 16 bytes of a hash over source and id: what tells a repetition. */
  readonly key: Uint8Array
  /** When it says that it happened, epoch milliseconds. */
  readonly timeMs: number
  readonly counter: CounterName
  /** In parts of a unit. */
  readonly amount: bigint
}

/** What events are read by. */
export interface EventRules {
  /** Resource of the host. */
  readonly host: string
  readonly declarations: Declarations
}

const TEXT_CHARACTERS_MAX = 1000
const KEY_BYTES = 16
const INSTANT = /^(.{19}\.\d{3})\d+(Z|[+-]\d\d:\d\d)$/

/**
 * Checks an event as its attributes and `data`, and says what it counts. Faults: FIELD_MISSING, FIELD_INVALID,
 * EVENT_UNDECLARED, DECIMAL_INVALID, OUT_OF_RANGE; the pointer begins with the given one.
 */
export function readEvent(
  event: ExactValue,
  { host, declarations }: EventRules,
  at = '',
): Result<Occurrence> {
  if (!isExactObject(event)) return fail('FIELD_INVALID', 'an event is a JSON object', { pointer: at })
  const texts: string[] = []
  for (const name of ['specversion', 'id', 'source', 'type', 'time']) {
    const text = textOf(event, name, at)
    if (!text.ok) return text
    texts.push(text.value)
  }
  const [version = '', id = '', source = '', type = '', time = ''] = texts
  if (version !== '1.0')
    return fail('FIELD_INVALID', 'this reads CloudEvents of specversion 1.0', {
      pointer: `${at}/specversion`,
    })
  // Senders write micro- and nanoseconds; a window of milliseconds has no use for them.
  const timeMs = parseInstant(time.replace(INSTANT, '$1$2').replace('t', 'T').replace('z', 'Z'))
  if (!timeMs.ok) return fail('FIELD_INVALID', timeMs.fault.message, { pointer: `${at}/time` })
  const declaration = declarations.get(type)
  if (declaration === undefined)
    return fail('EVENT_UNDECLARED', `no event of type ${type} is declared`, { pointer: `${at}/type` })
  const counter = counterOf(event, declaration, host, at)
  if (!counter.ok) return counter
  const amount = amountOf(event, declaration, at)
  if (!amount.ok) return amount
  return ok({ key: keyOf(source, id), timeMs: timeMs.value, counter: counter.value, amount: amount.value })
}

/** Which event it is, of whatever type: the same source and id are the same event. */
function keyOf(source: string, id: string): Uint8Array {
  return hash('sha256', `${source.length}:${source}${id}`, 'buffer').subarray(0, KEY_BYTES)
}

function textOf(event: ExactObject, name: string, at: string): Result<string> {
  const pointer = `${at}/${name}`
  const value = Object.hasOwn(event, name) ? event[name] : undefined
  if (value === undefined || value === null) {
    const why = name === 'time' ? ': without it, an old repetition looks like a new event' : ''
    return fail('FIELD_MISSING', `an event has the attribute ${name}${why}`, { pointer })
  }
  if (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= TEXT_CHARACTERS_MAX &&
    value.isWellFormed()
  )
    return ok(value)
  return fail('FIELD_INVALID', `${name} must be a text of 1 to ${TEXT_CHARACTERS_MAX} characters`, {
    pointer,
  })
}

function amountOf(event: ExactObject, { amount }: Declaration, at: string): Result<bigint> {
  if (amount === undefined) return ok(PARTS)
  const value = valueAt(event, amount, at)
  return value.ok ? parseAmount(value.value, pointerOf(amount, at)) : value
}

function counterOf(
  event: ExactObject,
  { dimensions, meter, service, unit }: Declaration,
  host: string,
  at: string,
): Result<CounterName> {
  const name = typeof service === 'string' ? ok(service) : textOf(event, service.from, at)
  if (!name.ok) return name
  const attributes: Record<string, string> = {}
  let resource = `${host}/service:${escapeSegment(name.value)}`
  for (const [dimension, path] of dimensions) {
    const value = valueAt(event, path, at)
    if (!value.ok) return value
    const text = labelOf(value.value)
    if (text === undefined) {
      const message = `the dimension ${dimension} must be a text, a whole number or true or false`
      return fail('FIELD_INVALID', message, { pointer: pointerOf(path, at) })
    }
    attributes[dimension] = text
    resource += `/${dimension}:${escapeSegment(text)}`
  }
  if (parseResourceId(resource).ok) return ok({ resource, meter, unit, attributes })
  const message = 'service and dimensions together are longer than the 200 characters of a resource'
  return fail('FIELD_INVALID', message, { pointer: at })
}

function labelOf(value: ExactValue): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' && value.isWellFormed() ? value : undefined
}

function valueAt(event: ExactObject, path: EventPath, at: string): Result<ExactValue> {
  let value: ExactValue | undefined = event
  for (const name of path)
    value = isExactObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  if (value !== undefined && value !== null) return ok(value)
  return fail('FIELD_MISSING', `the event has no ${path.join('.')}`, { pointer: pointerOf(path, at) })
}

function pointerOf(path: EventPath, at: string): string {
  return [at, ...path.map(escapePointer)].join('/')
}
