import fc from 'fast-check'
import { expect, test } from 'vitest'
import { registerAt } from './boundary.ts'
import { dialsOf, slotRun, slotStarts } from './slots.ts'

const SLOT_MS = 10
const STRETCH = { from: 100, to: 200 }

/** Readings of one epoch: times ascend, registers do not fall. */
const epochs = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 25 }), fc.bigInt({ min: 0n, max: 2n ** 58n })), { maxLength: 30 })
  .map((steps) => {
    let [timeMs, register] = [60, 0n]
    return steps.map(([ms, grown]) => ({ timeMs: (timeMs += ms), register: (register += grown) }))
  })

test('slots are those whose ends readings enclose, each what the register grew from end to end', () => {
  fc.assert(
    fc.property(epochs, (readings) => {
      const at = (ms: number): bigint | undefined => {
        const [before, after] = [
          readings.findLast(({ timeMs }) => timeMs <= ms),
          readings.find(({ timeMs }) => timeMs > ms),
        ]
        if (before === undefined || (after === undefined && before.timeMs < ms)) return undefined
        return registerAt(ms, before, after)
      }
      const expected = slotStarts(STRETCH, SLOT_MS).flatMap((from) => {
        const [low, high] = [at(from), at(from + SLOT_MS)]
        return low === undefined || high === undefined ? [] : [{ from, grown: high - low }]
      })
      const run = slotRun(dialsOf(readings), STRETCH, SLOT_MS)
      expect(run?.quantities.map((grown, i) => ({ from: run.fromMs + i * SLOT_MS, grown })) ?? []).toEqual(
        expected,
      )
    }),
    { numRuns: 500 },
  )
})

test('the first and the last reading of each slot tell what all of them tell', () => {
  fc.assert(
    fc.property(epochs, (readings) => {
      const slots = Map.groupBy(readings, ({ timeMs }) => Math.floor(timeMs / SLOT_MS))
      const ends = [...slots.values()].flatMap((own) => (own.length === 1 ? own : [own[0]!, own.at(-1)!]))
      expect(slotRun(dialsOf(ends), STRETCH, SLOT_MS)).toEqual(slotRun(dialsOf(readings), STRETCH, SLOT_MS))
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['from edge to edge', [100, 110, 120]],
  ['between edges', [95, 105, 125]],
  ['from an edge to a reading after one', [100, 110, 125]],
])('a register that falls %s is USAGE_CONFLICT', (_, [a, b, c]) => {
  const dials = dialsOf([
    { timeMs: a!, register: 7n },
    { timeMs: b!, register: 9n },
    { timeMs: c!, register: 8n },
  ])
  expect(() => slotRun(dials, STRETCH, SLOT_MS)).toThrow('a register falls from 9 at')
})
