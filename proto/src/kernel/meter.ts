import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'
import { parseUnit } from './unit.ts'
import type { UnitId } from './unit.ts'

/**
 * How a register grows: a counter is read as the source keeps it, an integral is a gauge that the
 * agent sums over time.
 */
export type MeterKind = 'counter' | 'integral'

/** What is measured, and the unit that its registers count. */
export interface Meter {
  readonly unit: UnitId
  readonly kind: MeterKind
  readonly description: string
}

/** The built-in meters under their names. */
export const METERS = {
  'host.cpu.used': { unit: 'ms', kind: 'counter', description: 'Processor time spent working' },
  'host.cpu.allocated': {
    unit: 'ms',
    kind: 'integral',
    description: 'Processor time that the cores online offer',
  },
  'host.cpu.steal': {
    unit: 'ms',
    kind: 'counter',
    description: 'Processor time that the hypervisor gave to others',
  },
  'host.memory.held': {
    unit: 'MiB-second',
    kind: 'integral',
    description: 'Memory in use and not reclaimable',
  },
  'host.memory.allocated': { unit: 'MiB-second', kind: 'integral', description: 'Memory that the host has' },
  'host.disk.allocated': { unit: 'MiB-second', kind: 'integral', description: 'Size of the disk' },
  'host.disk.used': { unit: 'MiB-second', kind: 'integral', description: 'Space that files occupy' },
  'host.disk.read': { unit: 'B', kind: 'counter', description: 'Octets read from the disk' },
  'host.disk.written': { unit: 'B', kind: 'counter', description: 'Octets written to the disk' },
  'host.network.received': { unit: 'B', kind: 'counter', description: 'Octets received by the interface' },
  'host.network.transmitted': { unit: 'B', kind: 'counter', description: 'Octets sent by the interface' },
  'host.uptime': { unit: 's', kind: 'counter', description: 'Time since the host was started' },
  'container.cpu.used': { unit: 'ms', kind: 'counter', description: 'Processor time spent by the container' },
  'container.cpu.allocated': {
    unit: 'ms',
    kind: 'integral',
    description: 'Processor time that the container may take',
  },
  'container.memory.held': {
    unit: 'MiB-second',
    kind: 'integral',
    description: 'Memory of the container that is not reclaimable',
  },
  'container.memory.allocated': {
    unit: 'MiB-second',
    kind: 'integral',
    description: 'Memory that the container may take',
  },
  'container.network.received': {
    unit: 'B',
    kind: 'counter',
    description: 'Octets received by the container',
  },
  'container.network.transmitted': {
    unit: 'B',
    kind: 'counter',
    description: 'Octets sent by the container',
  },
  'container.disk.read': { unit: 'B', kind: 'counter', description: 'Octets read from block devices' },
  'container.disk.written': { unit: 'B', kind: 'counter', description: 'Octets written to block devices' },
  'container.running': {
    unit: 'elapsed-ms',
    kind: 'counter',
    description: 'Time between start and end, pauses included',
  },
  'engine.cpu.used': {
    unit: 'ms',
    kind: 'counter',
    description: 'Processor time of the control group above all containers',
  },
  'engine.cpu.unattributed': {
    unit: 'ms',
    kind: 'counter',
    description: 'Processor time of that group that no container was seen to spend',
  },
  'interface.octets.in': { unit: 'B', kind: 'counter', description: 'ifHCInOctets, framing included' },
  'interface.octets.out': { unit: 'B', kind: 'counter', description: 'ifHCOutOctets, framing included' },
  'interface.packets.in': { unit: '1', kind: 'counter', description: 'ifHCInUcastPkts' },
  'interface.packets.out': { unit: '1', kind: 'counter', description: 'ifHCOutUcastPkts' },
} as const satisfies Readonly<Record<string, Meter>>

/** The name of a built-in meter. */
export type BuiltInMeter = keyof typeof METERS

/** A meter under its name, built in or declared by a source. */
export interface NamedMeter extends Meter {
  readonly name: string
}

const METER_NAME = /^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+$/
const METER_NAME_CHARACTERS = 100

/**
 * Reads a meter's name. A built-in one brings its unit, and a given unit must be the same; any other
 * is legal when the name is well-formed (lower-case words joined by dots, at most 100 characters)
 * and the unit known. Faults: METER_UNKNOWN, UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function parseMeter(text: string, unit?: string, kind: MeterKind = 'counter'): Result<NamedMeter> {
  if (isBuiltInMeter(text)) {
    const meter = METERS[text]
    if (unit === undefined || unit === meter.unit) return ok({ name: text, ...meter })
    return fail('UNIT_MISMATCH', `${text} counts ${meter.unit}, not ${unit}`)
  }
  if (text.length > METER_NAME_CHARACTERS || !METER_NAME.test(text)) {
    return fail('METER_UNKNOWN', 'write a meter as lower-case words joined by dots, such as "host.cpu.used"')
  }
  if (unit === undefined) return fail('METER_UNKNOWN', `${text} is not built in; declare it with its unit`)
  const parsed = parseUnit(unit)
  return parsed.ok ? ok({ name: text, unit: parsed.value, kind, description: '' }) : parsed
}

const INWARD = new Set(['received', 'in'])
const OUTWARD = new Set(['transmitted', 'sent', 'out'])

/** The direction of traffic that a meter counts, by the last word of its name; a level where it has none. */
export function directionOf(meter: string): 'in' | 'out' | 'level' {
  const word = meter.split('.').at(-1)!
  if (INWARD.has(word)) return 'in'
  return OUTWARD.has(word) ? 'out' : 'level'
}

/** Whether the name is one of the built-in meters. */
export function isBuiltInMeter(name: string): name is BuiltInMeter {
  return Object.hasOwn(METERS, name)
}
