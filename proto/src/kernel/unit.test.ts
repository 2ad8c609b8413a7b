import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { unwrap } from './fault.ts'
import { METERS, isBuiltInMeter, parseMeter } from './meter.ts'
import { ONE, equals, multiply, rational } from './rational.ts'
import { UNITS, conversion, parseUnit } from './unit.ts'
import type { UnitId } from './unit.ts'

const unitIds = Object.keys(UNITS).map((id) => unwrap(parseUnit(id)))
const units = fc.constantFrom(...unitIds)

describe('laws of conversion', () => {
  it('there and back is one, and a detour changes nothing', () => {
    fc.assert(
      fc.property(units, units, units, (a, b, c) => {
        const [ab, bc, ac, ba] = [conversion(a, b), conversion(b, c), conversion(a, c), conversion(b, a)]
        if (ab.ok && ba.ok) expect(multiply(ab.value, ba.value)).toEqual(ONE)
        if (ab.ok && bc.ok) expect(multiply(ab.value, bc.value)).toEqual(unwrap(ac))
      }),
    )
  })

  it('succeeds exactly within a dimension', () => {
    fc.assert(
      fc.property(units, units, (a, b) => {
        expect(conversion(a, b).ok).toBe(UNITS[a].dimension === UNITS[b].dimension)
      }),
    )
  })

  it('no two units of a dimension are the same, and each dimension has one base', () => {
    for (const a of unitIds) {
      const equal = unitIds.filter((b) => {
        return UNITS[a].dimension === UNITS[b].dimension && equals(UNITS[a].factor, UNITS[b].factor)
      })
      expect(equal).toEqual([a])
      const bases = unitIds.filter(
        (b) => UNITS[b].dimension === UNITS[a].dimension && equals(UNITS[b].factor, ONE),
      )
      expect(bases).toHaveLength(1)
    }
  })

  it('labels are distinct, so that an invoice cannot confuse GB and GiB', () => {
    expect(new Set(unitIds.map((id) => UNITS[id].label)).size).toBe(unitIds.length)
  })
})

it.each<[UnitId, UnitId, bigint, bigint]>([
  ['ms', 'core-hour', 1n, 3_600_000n],
  ['core-hour', 'core-second', 3600n, 1n],
  ['s', 'h', 1n, 3600n],
  ['GiB', 'B', 1_073_741_824n, 1n],
  ['GB', 'B', 1_000_000_000n, 1n],
  ['GB', 'GiB', 1_953_125n, 2_097_152n],
  ['TiB', 'GiB', 1024n, 1n],
  ['MiB-second', 'GiB-hour', 1n, 3_686_400n],
  ['GiB-day', 'GiB-hour', 24n, 1n],
  ['GB-hour', 'GiB-hour', 1_953_125n, 2_097_152n],
  ['MiB-second', 'MiB-hour', 1n, 3600n],
])('one %s is exactly so many %s', (from, to, n, d) => {
  expect(unwrap(conversion(from, to))).toEqual(rational(n, d))
})

it.each([
  ['s', 'core-hour', 'UNIT_MISMATCH'],
  ['ms', 's', 'UNIT_MISMATCH'],
  ['GiB', 'GiB-hour', 'UNIT_MISMATCH'],
  ['1', 'B', 'UNIT_MISMATCH'],
  ['gb', 'GB', 'UNIT_UNKNOWN'],
  ['GB', 'Gb', 'UNIT_UNKNOWN'],
  ['', 'B', 'UNIT_UNKNOWN'],
  ['toString', 'B', 'UNIT_UNKNOWN'],
])('refuses to convert %j to %j', (from, to, code) => {
  expect(conversion(from, to)).toMatchObject({ ok: false, fault: { code } })
})

describe('meters', () => {
  it.each(Object.entries(METERS))('%s reads with its own unit and no other', (name, meter) => {
    expect(parseMeter(name)).toEqual({ ok: true, value: { name, ...meter } })
    expect(parseMeter(name, meter.unit, 'integral')).toEqual({ ok: true, value: { name, ...meter } })
    const other = unitIds.find((id) => id !== meter.unit)
    expect(parseMeter(name, other)).toMatchObject({ ok: false, fault: { code: 'UNIT_MISMATCH' } })
  })

  it('a register of the largest host lasts 100 years in 64 bits', () => {
    const century = 100n * 366n * 86_400n
    const limit = 2n ** 64n
    expect(century * 1000n * 100_000n < limit).toBe(true) // 100,000 cores in ms
    expect(century * 2n ** 30n < limit).toBe(true) // 1 PiB in MiB·s
    expect(century * 10n ** 9n < limit).toBe(true) // 8 Gbit/s in octets
  })

  it.each([
    ['host.cpu.usd', undefined, 'METER_UNKNOWN'],
    ['requests', '1', 'METER_UNKNOWN'],
    ['Host.cpu', '1', 'METER_UNKNOWN'],
    ['host..cpu', '1', 'METER_UNKNOWN'],
    ['host.cpu.', '1', 'METER_UNKNOWN'],
    ['api_v1.requests', '1', 'METER_UNKNOWN'],
    ['api.2xx', '1', 'METER_UNKNOWN'],
    [`a.${'b'.repeat(99)}`, '1', 'METER_UNKNOWN'],
    ['', '1', 'METER_UNKNOWN'],
    ['api.requests', 'request', 'UNIT_UNKNOWN'],
  ])('refuses %j in %j', (name, unit, code) => {
    expect(parseMeter(name, unit)).toMatchObject({ ok: false, fault: { code } })
  })

  it('accepts a well-formed name with a known unit', () => {
    const expected = { name: 'api.requests_total', unit: '1', kind: 'counter', description: '' }
    expect(unwrap(parseMeter('api.requests_total', '1'))).toEqual(expected)
    expect(isBuiltInMeter('api.requests_total')).toBe(false)
    expect(isBuiltInMeter('host.uptime')).toBe(true)
  })
})
