import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import type { MeterKind } from '@vouch/proto/kernel/meter.ts'
import { divide, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { choice, text } from '@vouch/proto/kernel/setting.ts'
import type { Oid } from './ber.ts'
import { Fields } from './fields.ts'

/** Names of SNMP's types that are numbers. Source: RFC 2578 §7.1. */
export const NUMBERS = ['INTEGER', 'Counter32', 'Gauge32', 'TimeTicks', 'Counter64'] as const

/** The name of a type that is a number. */
export type NumberType = (typeof NUMBERS)[number]

/** What one object of a device counts or measures. */
export interface ProfileMeter {
  readonly meter: string
  readonly unit: string
  readonly kind: MeterKind
  readonly oid: Oid
  readonly type: NumberType
  /**
   * A counter: how many of the unit make one count. A gauge: its level for one of its own, in watts for J, octets for
   * MiB-second, cores for ms, and things for s.
   */
  readonly scale: Rational
  /** A gauge: an object of the same row by which it is multiplied. */
  readonly times: Oid | undefined
  /** A counter: the most that it can grow in a second, without which nothing is known of one that wraps. */
  readonly perSecondMax: bigint | undefined
  /** A counter: the device keeps it over its own restart. */
  readonly persistent: boolean
}

/** Objects of one table, or of the device itself. */
export interface ProfileTable {
  /** Kind of the resource below the device; undefined = the device itself, whose objects are no columns. */
  readonly resource: string | undefined
  /** The column that names a row; undefined = its index. */
  readonly name: Oid | undefined
  /** Only rows of which this column has one of the values: a number, a text or an object identifier. */
  readonly where: { readonly column: Oid; readonly is: readonly string[] } | undefined
  readonly meters: readonly ProfileMeter[]
}

/** What to read from devices of one kind. */
export interface Profile {
  readonly name: string
  readonly tables: readonly ProfileTable[]
}

const TABLE_KEYS = ['resource', 'name', 'where', 'meters']
const METER_KEYS = ['oid', 'type', 'kind', 'unit', 'scale', 'times', 'perSecondMax', 'persistent']
const NAME = text({ max: 60, pattern: /^[a-z0-9][a-z0-9.-]*$/ })
const RESOURCE = text({ max: 30, pattern: /^[a-z][a-z0-9-]*$/ })
const SECOND_MAX = text({ max: 18, pattern: /^[1-9]\d*$/ })
const KINDS = choice(['counter', 'gauge'])
const TRUTH = choice(['true', 'false'])
/** Units in which the agent sums a level over time, and what a level of one is. */
const LEVELS: Readonly<Record<string, string>> = {
  J: 'watts',
  'MiB-second': 'octets',
  ms: 'cores',
  s: 'things in use',
}
const ARCS_MAX = 128
const TICKS_PER_SECOND = 100n

/** Reads a profile, each fault with its pointer. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY. */
export function readProfile(content: JsonValue, pointer: string, faults: Fault[]): Profile | undefined {
  const before = faults.length
  const fields = new Fields(isJsonObject(content) ? content : {}, pointer, ['profile', 'tables'], faults)
  const name = fields.required('profile', NAME)
  const listed = fields.list('tables')
  if (listed.length === 0)
    faults.push(fail('CONFIG_MISSING', 'list the tables to read', { pointer: `${pointer}/tables` }).fault)
  const tables = listed.map((table, index) => readTable(table, `${pointer}/tables/${index}`, faults))
  if (name === undefined || faults.length > before) return undefined
  return { name, tables: tables.filter((table) => table !== undefined) }
}

function readTable(content: JsonValue, pointer: string, faults: Fault[]): ProfileTable | undefined {
  if (!isJsonObject(content)) {
    faults.push(fail('CONFIG_INVALID', 'a table is a map of settings', { pointer }).fault)
    return undefined
  }
  const fields = new Fields(content, pointer, TABLE_KEYS, faults)
  const resource = fields.optional('resource', RESOURCE)
  const oid = resource === undefined ? parseInstance : parseColumn
  if (resource === undefined)
    for (const key of ['name', 'where']) fields.refuse(key, 'is for rows, which need a resource')
  const name = fields.optional('name', parseColumn)
  const where = content['where'] === undefined ? undefined : readWhere(fields)
  const { meters } = content
  if (!isJsonObject(meters) || Object.keys(meters).length === 0) {
    faults.push(
      fail('CONFIG_MISSING', 'declare the meters of the table', { pointer: `${pointer}/meters` }).fault,
    )
    return undefined
  }
  const read = Object.entries(meters).map(([meter, entry]) =>
    readMeter(meter, entry, `${pointer}/meters/${meter}`, oid, faults),
  )
  return { resource, name, where, meters: read.filter((each) => each !== undefined) }
}

function readWhere(fields: Fields): ProfileTable['where'] {
  const where = fields.section('where', ['column', 'is'])
  const column = where.required('column', parseColumn)
  const is = where.texts('is', [])
  if (is.length === 0) where.required('is', text())
  return column === undefined ? undefined : { column, is }
}

function readMeter(
  meter: string,
  entry: JsonValue,
  pointer: string,
  parseObject: (text: string) => Result<Oid>,
  faults: Fault[],
): ProfileMeter | undefined {
  const members: JsonObject = isJsonObject(entry) ? entry : {}
  const fields = new Fields(members, pointer, METER_KEYS, faults)
  const [oid, type] = [fields.required('oid', parseObject), fields.required('type', choice(NUMBERS))]
  const kind = fields.required('kind', KINDS)
  const unit = fields.required('unit', text())
  const scale = fields.optional('scale', parseScale) ?? rational(1n)
  const times = fields.optional('times', parseObject)
  const perSecondMax = fields.optional('perSecondMax', SECOND_MAX)
  const persistent = fields.optional('persistent', TRUTH) === 'true'
  if (kind === 'gauge')
    for (const key of ['perSecondMax', 'persistent']) fields.refuse(key, 'is for counters')
  else fields.refuse('times', 'is for gauges: a counter times something else is no counter')
  if (kind === 'counter' && isNarrow(type)) {
    fields.refuse('persistent', 'is for counters that do not wrap')
    if (type === 'Counter32') fields.required('perSecondMax', SECOND_MAX)
  }
  if (kind === undefined || unit === undefined) return undefined
  const checked = parseMeter(meter, unit, kind === 'counter' ? 'counter' : 'integral')
  if (!checked.ok) faults.push({ ...checked.fault, pointer })
  else if (kind === 'gauge' && LEVELS[unit] === undefined) {
    const units = Object.entries(LEVELS).map(([summed, level]) => `${summed} (a level in ${level})`)
    faults.push(
      fail('CONFIG_INVALID', `a gauge is summed over time, in ${units.join(', ')}`, { pointer }).fault,
    )
  }
  if (!checked.ok || oid === undefined || type === undefined) return undefined
  const fallback = type === 'TimeTicks' ? TICKS_PER_SECOND : undefined
  const most = perSecondMax === undefined ? fallback : BigInt(perSecondMax)
  return { meter, unit, kind: checked.value.kind, oid, type, scale, times, perSecondMax: most, persistent }
}

/** Whether a counter of this type begins again at 0 after 2^32 - 1. */
export function isNarrow(type: NumberType | undefined): boolean {
  return type === 'Counter32' || type === 'TimeTicks'
}

/** Reads an object identifier in dotted digits. Faults: CONFIG_INVALID. */
export function parseOid(dotted: string): Result<Oid> {
  const arcs = dotted.split('.')
  const isOid =
    arcs.length >= 2 &&
    arcs.length <= ARCS_MAX &&
    arcs.every((arc) => /^(?:0|[1-9]\d{0,9})$/.test(arc) && BigInt(arc) < 2n ** 32n) &&
    /^(?:[01]\.[0-3]?\d(?:\.|$)|2\.)/.test(dotted)
  if (!isOid)
    return fail('CONFIG_INVALID', 'must be an object identifier in digits, such as 1.3.6.1.2.1.1.3.0')
  return ok(arcs.map((arc) => Number.parseInt(arc, 10)))
}

function parseColumn(dotted: string): Result<Oid> {
  const oid = parseOid(dotted)
  if (!oid.ok || oid.value.at(-1) !== 0) return oid
  return fail('CONFIG_INVALID', 'must be a column of a table; what ends in .0 is a single object')
}

function parseInstance(dotted: string): Result<Oid> {
  const oid = parseOid(dotted)
  if (!oid.ok || oid.value.at(-1) === 0) return oid
  return fail('CONFIG_INVALID', 'must end in .0; for the columns of a table give a resource')
}

function parseScale(written: string): Result<Rational> {
  const [whole = '', part, ...more] = written.split('/')
  const [n, d] = [parseDecimal(whole), parseDecimal(part ?? '1')]
  const isPositive = n.ok && d.ok && n.value.n > 0n && d.value.n > 0n && more.length === 0
  return isPositive
    ? ok(divide(n.value, d.value))
    : fail('CONFIG_INVALID', 'must be a decimal or fraction above 0')
}
