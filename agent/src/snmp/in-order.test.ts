import fc from 'fast-check'
import { expect, it } from 'vitest'
import { InOrder } from './in-order.ts'

const name = fc.constantFrom('a', 'b', 'c', 'd', '__proto__')
const step = fc.record({ name, value: fc.option(fc.nat(), { nil: undefined }) })

it('holds what a map holds, in the same order, whoever asks for what', () => {
  const entries = fc.uniqueArray(fc.tuple(name, fc.nat()), { selector: ([first]) => first })
  fc.assert(
    fc.property(entries, fc.array(step, { maxLength: 30 }), (given, steps) => {
      const [own, map] = [new InOrder(given), new Map(given)]
      for (const { name: key, value } of steps) {
        if (value !== undefined) {
          own.set(key, value)
          map.set(key, value)
        }
        expect(own.get(key)).toBe(map.get(key))
        expect([own.size, [...own]]).toEqual([map.size, [...map]])
      }
    }),
  )
})
