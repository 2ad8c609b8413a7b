import { describe, expect, it } from 'vitest'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { METERS } from '@vouch/proto/kernel/meter.ts'
import { MeterBook } from './meter-book.ts'
import type { Moment } from './moment.ts'

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

describe('the meter book', () => {
  it.each([
    // meter, level, register after a second
    ['host.memory.held', 3n * 1024n * 1024n, 3n],
    ['host.cpu.allocated', 1500n, 1500n],
  ])('integrates %s in its unit', (meter, value, register) => {
    const book = new MeterBook(origin, [])
    book.observe([{ resource: 'host:a', meter, value }], moment(1))
    const { readings } = book.observe([{ resource: 'host:a', meter, value }], moment(2))
    expect(readings.map((reading) => reading.register)).toEqual([register])
  })

  it('knows every meter of the catalogue', () => {
    const samples = Object.keys(METERS).map((meter) => ({ resource: 'host:a', meter, value: 1n }))
    const { declared, faults } = new MeterBook(origin, []).observe(samples, moment(1))
    expect(faults).toEqual([])
    expect(declared.map(({ meter, unit }) => [meter, unit])).toEqual(
      Object.entries(METERS).map(([meter, { unit }]) => [meter, unit]),
    )
  })

  it('declares a stream once, and again with other attributes under the same id', () => {
    const book = new MeterBook(origin, [])
    const sample = { resource: 'vm:1', meter: 'vm.requests', unit: '1', value: 5n } as const
    const first = book.observe([sample], moment(1)).declared
    expect(first).toMatchObject([{ kind: RegisterKind.COUNTER, unit: '1', attributes: {} }])
    expect(book.observe([sample], moment(2)).declared).toEqual([])
    const again = book.observe([{ ...sample, attributes: { zone: 'a' } }], moment(3)).declared
    expect(again.map(({ id }) => id)).toEqual(first.map(({ id }) => id))
  })

  it('counts a stream once, though two sources sample it', () => {
    const sample = { resource: 'host:a', meter: 'host.uptime', value: 5n }
    const { readings } = new MeterBook(origin, []).observe([sample, { ...sample, value: 6n }], moment(1))
    expect(readings.map(({ register }) => register)).toEqual([5n])
  })

  it.each([
    ['FIELD_INVALID', { resource: 'host a', meter: 'host.uptime', value: 1n }],
    ['METER_UNKNOWN', { resource: 'host:a', meter: 'Nonsense', value: 1n }],
    ['UNIT_MISMATCH', { resource: 'host:a', meter: 'host.uptime', unit: 'B', value: 1n }],
    ['OUT_OF_RANGE', { resource: 'host:a', meter: 'host.uptime', value: 2n ** 64n }],
    ['OUT_OF_RANGE', { resource: 'host:a', meter: 'host.uptime', value: -1n }],
  ])('refuses %s and reads the rest', (code, bad) => {
    const good = { resource: 'host:b', meter: 'host.uptime', value: 1n }
    const { readings, faults } = new MeterBook(origin, []).observe([bad, good], moment(1))
    expect(faults.map((fault) => fault.code)).toEqual([code])
    expect(readings).toHaveLength(1)
  })
})
