import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { StreamMeters } from './stream-meters.ts'
import type { Metered } from './stream-meters.ts'

const metered = fc.record({
  meter: fc.constantFrom('host.cpu.used', 'host.disk.used', 'a.b'),
  unit: fc.constantFrom('ms', 'By'),
  kind: fc.constantFrom(RegisterKind.COUNTER, RegisterKind.INTEGRAL),
})
const step = fc.tuple(fc.nat({ max: 5000 }), fc.option(metered, { nil: undefined }))

it('each stream has the meter that it was given last', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const meters = new StreamMeters()
      const known = new Map<number, Metered | undefined>()
      for (const [stream, given] of steps) {
        if (given === undefined) meters.forget(stream)
        else meters.put(stream, given)
        known.set(stream, given)
      }
      for (const [stream, given] of known) expect(meters.of(stream)).toEqual(given)
      expect(meters.of(5001)).toBeUndefined()
    }),
  )
})

it('more meters than have numbers are an error, and not another meter', () => {
  const meters = new StreamMeters()
  const of = (number: number): Metered => ({ meter: `m.${number}`, unit: '1', kind: RegisterKind.COUNTER })
  for (let number = 1; number < 2 ** 16; number += 1) meters.put(number, of(number))
  expect(meters.of(2 ** 16 - 1)).toEqual(of(2 ** 16 - 1))
  expect(() => meters.put(1, of(2 ** 16))).toThrow('65535 different meters')
  expect(meters.of(1)).toEqual(of(1))
})
