import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'
import { divide, multiply, rational } from './rational.ts'
import type { Rational } from './rational.ts'

/** What a unit measures. Units convert within a dimension and never across. */
export type Dimension =
  | 'cpu-time'
  | 'cpu'
  | 'duration'
  | 'storage-time'
  | 'information'
  | 'data-rate'
  | 'energy'
  | 'power'
  | 'count'

/** A unit of the catalogue. */
export interface Unit {
  readonly dimension: Dimension
  /** How many of the dimension's base unit (factor 1) make one of this unit; exact. */
  readonly factor: Rational
  /** The unit on an invoice and in FOCUS exports ("PricingUnit"). */
  readonly label: string
  readonly description: string
}

const KIB = 1024n
const MIB = KIB * 1024n
const GIB = MIB * 1024n
const TIB = GIB * 1024n
const [SECONDS_PER_HOUR, SECONDS_PER_DAY] = [3600n, 86_400n]

/** Processor time; the base is one core for one millisecond. */
function cpuTime(milliseconds: bigint, label: string, description: string): Unit {
  return { dimension: 'cpu-time', factor: rational(milliseconds), label, description }
}

/** Elapsed time; the base is the second. */
function duration(seconds: bigint, label: string, description: string): Unit {
  return { dimension: 'duration', factor: rational(seconds), label, description }
}

/** Elapsed time in the grain of short lives; `ms` is processor time. */
const ELAPSED_MS: Unit = {
  dimension: 'duration',
  factor: rational(1n, 1000n),
  label: 'Milliseconds',
  description: 'millisecond of elapsed time',
}

/** Space held for a time; the base is one mebibyte for one second, so decimal gigabytes are fractions. */
function storageTime(octets: bigint, seconds: bigint, label: string, description: string): Unit {
  return { dimension: 'storage-time', factor: rational(octets * seconds, MIB), label, description }
}

/** Data; the base is the octet. */
function information(octets: bigint, label: string, description: string): Unit {
  return { dimension: 'information', factor: rational(octets), label, description }
}

/** Data in a time; the base is the bit for each second. */
function dataRate(bits: bigint, label: string, description: string): Unit {
  return { dimension: 'data-rate', factor: rational(bits), label, description }
}

/** Energy; the base is the joule. */
function energy(joules: bigint, label: string, description: string): Unit {
  return { dimension: 'energy', factor: rational(joules), label, description }
}

/** Power; the base is the watt. */
function power(watts: bigint, label: string, description: string): Unit {
  return { dimension: 'power', factor: rational(watts), label, description }
}

/**
 * Every unit, under the id that meters, tariffs and messages use. GB is 10^9 and GiB 2^30 octets.
 * A month is not a unit: months differ in length.
 */
export const UNITS = {
  ms: cpuTime(1n, 'Core-Milliseconds', 'one processor core for one millisecond'),
  'core-second': cpuTime(1000n, 'Core-Seconds', 'one processor core for one second'),
  'core-hour': cpuTime(3_600_000n, 'Core-Hours', 'one processor core for one hour'),
  'elapsed-ms': ELAPSED_MS,
  s: duration(1n, 'Seconds', 'second'),
  min: duration(60n, 'Minutes', 'minute of 60 seconds'),
  h: duration(SECONDS_PER_HOUR, 'Hours', 'hour of 3600 seconds'),
  'MiB-second': storageTime(MIB, 1n, 'MiB-Seconds', '2^20 octets for one second'),
  'MiB-hour': storageTime(MIB, SECONDS_PER_HOUR, 'MiB-Hours', '2^20 octets for one hour'),
  'GiB-hour': storageTime(GIB, SECONDS_PER_HOUR, 'GiB-Hours', '2^30 octets for one hour'),
  'GiB-day': storageTime(GIB, SECONDS_PER_DAY, 'GiB-Days', '2^30 octets for 24 hours'),
  'GB-hour': storageTime(10n ** 9n, SECONDS_PER_HOUR, 'GB-Hours', '10^9 octets for one hour'),
  'GB-day': storageTime(10n ** 9n, SECONDS_PER_DAY, 'GB-Days', '10^9 octets for 24 hours'),
  B: information(1n, 'Bytes', 'octet'),
  kB: information(10n ** 3n, 'KB', '10^3 octets'),
  MB: information(10n ** 6n, 'MB', '10^6 octets'),
  GB: information(10n ** 9n, 'GB', '10^9 octets'),
  TB: information(10n ** 12n, 'TB', '10^12 octets'),
  KiB: information(KIB, 'KiB', '2^10 octets'),
  MiB: information(MIB, 'MiB', '2^20 octets'),
  GiB: information(GIB, 'GiB', '2^30 octets'),
  TiB: information(TIB, 'TiB', '2^40 octets'),
  core: { dimension: 'cpu', factor: rational(1n), label: 'Cores', description: 'one processor core' },
  'bit/s': dataRate(1n, 'Bits/Second', 'one bit a second'),
  'kbit/s': dataRate(10n ** 3n, 'Kb/Second', '10^3 bits a second'),
  'Mbit/s': dataRate(10n ** 6n, 'Mb/Second', '10^6 bits a second'),
  'Gbit/s': dataRate(10n ** 9n, 'Gb/Second', '10^9 bits a second'),
  J: energy(1n, 'Joules', 'joule'),
  Wh: energy(3600n, 'Wh', 'one watt for one hour'),
  kWh: energy(3_600_000n, 'kWh', '10^3 watts for one hour'),
  MWh: energy(3_600_000_000n, 'MWh', '10^6 watts for one hour'),
  W: power(1n, 'Watts', 'watt'),
  kW: power(1000n, 'kW', '10^3 watts'),
  '1': { dimension: 'count', factor: rational(1n), label: 'Count', description: 'a number of things' },
} as const satisfies Readonly<Record<string, Unit>>

/** The id of a unit. */
export type UnitId = keyof typeof UNITS

/** Reads the id of a unit; case matters. Faults: UNIT_UNKNOWN. */
export function parseUnit(text: string): Result<UnitId> {
  if (isUnitId(text)) return ok(text)
  return fail('UNIT_UNKNOWN', `the unit must be one of ${Object.keys(UNITS).join(', ')}`)
}

/**
 * How many of `toUnit` one of `fromUnit` is, exactly: a quantity is multiplied by it.
 * Faults: UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function conversion(fromUnit: string, toUnit: string): Result<Rational> {
  const from = parseUnit(fromUnit)
  if (!from.ok) return from
  const to = parseUnit(toUnit)
  if (!to.ok) return to
  const [source, target]: [Unit, Unit] = [UNITS[from.value], UNITS[to.value]]
  if (source.dimension !== target.dimension) {
    return fail('UNIT_MISMATCH', `${fromUnit} is ${source.dimension} and ${toUnit} is ${target.dimension}`)
  }
  return ok(divide(source.factor, target.factor))
}

/** What a quantity becomes when it is divided by the seconds in which it came about. */
const RATES: Readonly<Partial<Record<Dimension, { readonly unit: UnitId; readonly factor: Rational }>>> = {
  'cpu-time': { unit: 'core', factor: rational(1n, 1000n) },
  'storage-time': { unit: 'MiB', factor: rational(1n) },
  information: { unit: 'bit/s', factor: rational(8n) },
  energy: { unit: 'W', factor: rational(1n) },
  duration: { unit: '1', factor: rational(1n) },
  count: { unit: '1', factor: rational(1n) },
}

/**
 * What one of a unit each second is: octets are bits a second, mebibyte-seconds the mebibytes held. The factor is
 * that of a quantity in `unit`, for a quantity in `from` each second. Faults: UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function rateOf(from: string): Result<{ readonly unit: UnitId; readonly factor: Rational }> {
  const parsed = parseUnit(from)
  if (!parsed.ok) return parsed
  const source: Unit = UNITS[parsed.value]
  const rate = RATES[source.dimension]
  if (rate === undefined) return fail('UNIT_MISMATCH', `${from} a second is no unit`)
  return ok({ unit: rate.unit, factor: multiply(source.factor, rate.factor) })
}

function isUnitId(text: string): text is UnitId {
  return Object.hasOwn(UNITS, text)
}
