import { setImmediate as turn } from 'node:timers/promises'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { coalesce } from './coalesce.ts'

it('every question gets its own answers, in few queries that keep to their bound', async () => {
  const questions = fc.array(fc.array(fc.nat(99), { maxLength: 5 }), { minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(questions, fc.integer({ min: 1, max: 12 }), async (all, keysMax) => {
      const asked: number[] = []
      const ask = coalesce<number, number>(async (keys) => {
        asked.push(keys.length)
        await turn()
        return ok(keys.map((key) => key * 2))
      }, keysMax)
      const answers = await Promise.all(all.map((keys) => ask(keys)))
      expect(answers).toEqual(all.map((keys) => ok(keys.map((key) => key * 2))))
      const widest = Math.max(...all.map(({ length }) => length))
      expect(Math.max(...asked)).toBeLessThanOrEqual(Math.max(keysMax, widest))
      // The first goes alone; of the others, any two neighbours are more than fits into one.
      const waited = asked.slice(1)
      for (let index = 1; index < waited.length; index++)
        expect(waited[index - 1]! + widest + waited[index]!).toBeGreaterThanOrEqual(keysMax)
    }),
  )
})

it('a fault goes to all that asked together, and the next question is asked again', async () => {
  let broken = true
  const ask = coalesce<number, number>(async (keys) => {
    await turn()
    return broken ? fail('STORE_UNAVAILABLE', 'down') : ok([...keys])
  }, 10)
  const answers = await Promise.all([ask([1]), ask([2]), ask([3])])
  expect(answers.map((answer) => answer.ok)).toEqual([false, false, false])
  broken = false
  expect(await ask([4])).toEqual(ok([4]))
})

it('a defect reaches all that asked, and does not stop the next', async () => {
  let broken = true
  const ask = coalesce<number, number>(async (keys) => {
    if (broken) throw new Error('defect')
    return ok([...keys])
  }, 10)
  const answers = await Promise.allSettled([ask([1]), ask([2])])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  broken = false
  expect(await ask([4])).toEqual(ok([4]))
})
