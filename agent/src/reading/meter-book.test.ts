import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { METERS, parseMeter } from '@vouch/proto/kernel/meter.ts'
import type { MeterKind } from '@vouch/proto/kernel/meter.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { Sample } from '../ports.ts'
import { MeterBook } from './meter-book.ts'
import type { Moment } from './moment.ts'
import { RegisterFile } from './register-file.ts'
import { observed } from '../testing/registers.ts'

const origin = {
  agentId: new Uint8Array(16).fill(1),
  runId: new Uint8Array(16).fill(2),
  bootId: new Uint8Array(16).fill(3),
}
const moment = (look: number): Moment => ({
  timeMs: 1_700_000_000_000 + look * 1000,
  monotonicMs: look * 1000,
  boottimeMs: look * 1000,
  look,
  previous: look - 1,
  continuous: look > 1,
})

/** The id of a sample's stream. */
function nameOf({ kind, meter, resource, unit }: Sample): string {
  const parsed = unwrap(parseMeter(meter, unit, kind))
  const register = parsed.kind === 'counter' ? RegisterKind.COUNTER : RegisterKind.INTEGRAL
  return streamId(origin.agentId, { resource, meter, unit: parsed.unit, kind: register }).toHex()
}

describe('the meter book', () => {
  it.each([
    // meter, level, register after a second
    ['host.memory.held', 3n * 1024n * 1024n, 3n],
    ['host.cpu.allocated', 1500n, 1500n],
  ])('integrates %s in its unit', (meter, value, register) => {
    const book = new MeterBook(origin, new RegisterFile())
    observed(book, [{ resource: 'host:a', meter, value }], moment(1))
    const { readings } = observed(book, [{ resource: 'host:a', meter, value }], moment(2))
    expect(readings.map((reading) => reading.register)).toEqual([register])
  })

  it('knows every meter of the catalogue', () => {
    const samples = Object.keys(METERS).map((meter) => ({ resource: 'host:a', meter, value: 1n }))
    const { declared, faults } = observed(new MeterBook(origin, new RegisterFile()), samples, moment(1))
    expect(faults).toEqual([])
    expect(declared.map(({ meter, unit }) => [meter, unit])).toEqual(
      Object.entries(METERS).map(([meter, { unit }]) => [meter, unit]),
    )
  })

  it('declares a stream once, and again with other attributes under the same id', () => {
    const book = new MeterBook(origin, new RegisterFile())
    const sample = { resource: 'vm:1', meter: 'vm.requests', unit: '1', value: 5n } as const
    const first = observed(book, [sample], moment(1)).declared
    expect(first).toMatchObject([{ kind: RegisterKind.COUNTER, unit: '1', attributes: {} }])
    expect(observed(book, [sample], moment(2)).declared).toEqual([])
    const again = observed(book, [{ ...sample, attributes: { zone: 'a' } }], moment(3)).declared
    expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id))
  })

  it('counts a stream once, though two sources sample it', () => {
    const sample = { resource: 'host:a', meter: 'host.uptime', value: 5n }
    const { readings } = observed(
      new MeterBook(origin, new RegisterFile()),
      [sample, { ...sample, value: 6n }],
      moment(1),
    )
    expect(readings.map(({ register }) => register)).toEqual([5n])
  })

  it('knows a stream wherever it stands in a look, and in whichever track', () => {
    const sample = fc.record(
      {
        resource: fc.constantFrom('host:a', 'host:a/disk:b', 'host:c'),
        meter: fc.constantFrom('host.uptime', 'host.memory.held', 'vm.requests'),
        kind: fc.constantFrom<MeterKind>('counter', 'integral'),
        attributes: fc.constantFrom<Record<string, string>>({}, { zone: 'a' }, { zone: 'b' }),
        value: fc.bigInt({ min: -1n, max: 2n ** 64n }),
      },
      { requiredKeys: ['resource', 'meter', 'value'] },
    )
    const look = fc.record({ track: fc.constantFrom('x', 'y'), samples: fc.array(sample, { maxLength: 12 }) })
    fc.assert(
      fc.property(fc.array(look, { maxLength: 20 }), (looks) => {
        const file = new RegisterFile()
        const book = new MeterBook(origin, file)
        const declared = new Map<string, string>()
        for (const [index, { samples, track }] of looks.entries()) {
          const named = samples.map((each) => (each.meter === 'vm.requests' ? { ...each, unit: '1' } : each))
          const isWrong = ({ value }: Sample): boolean => value < 0n || value >= 2n ** 64n
          const good = named.filter((each) => !isWrong(each))
          const seen = observed(book, named, moment(index + 1), track)
          expect(seen.faults.length).toBe(named.length - good.length)
          for (const { attributes, id, kind, meter, resource } of seen.declared) {
            expect(declared.get(id.toHex())).not.toBe(JSON.stringify([resource, meter, kind, attributes]))
            declared.set(id.toHex(), JSON.stringify([resource, meter, kind, attributes]))
          }
          const firsts = new Map<string, Sample>()
          for (const each of good) {
            const name = nameOf(each)
            if (!firsts.has(name)) firsts.set(name, each)
          }
          expect(seen.seen.map((stream) => file.id(stream).toHex())).toEqual([...firsts.keys()])
        }
      }),
    )
  })

  it.each([
    ['FIELD_INVALID', { resource: 'host a', meter: 'host.uptime', value: 1n }],
    ['METER_UNKNOWN', { resource: 'host:a', meter: 'Nonsense', value: 1n }],
    ['UNIT_MISMATCH', { resource: 'host:a', meter: 'host.uptime', unit: 'B', value: 1n }],
    ['OUT_OF_RANGE', { resource: 'host:a', meter: 'host.uptime', value: 2n ** 64n }],
    ['OUT_OF_RANGE', { resource: 'host:a', meter: 'host.uptime', value: -1n }],
  ])('refuses %s and reads the rest', (code, bad) => {
    const good = { resource: 'host:b', meter: 'host.uptime', value: 1n }
    const { readings, faults } = observed(new MeterBook(origin, new RegisterFile()), [bad, good], moment(1))
    expect(faults.map((fault) => fault.code)).toEqual([code])
    expect(readings).toHaveLength(1)
  })
})
