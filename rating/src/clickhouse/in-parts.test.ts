import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { expect, it } from 'vitest'
import { readInParts } from './in-parts.ts'

const NUMBERS = [1, 2, 3, 4, 5, 6, 7]

it('parts come back in their order, also where the first one takes longest', async () => {
  let [reading, most] = [0, 0]
  const read = async (part: readonly number[]): Promise<Result<readonly number[]>> => {
    most = Math.max(most, (reading += 1))
    for (let turn = 0; turn < (part[0] === 1 ? 50 : 1); turn += 1) await Promise.resolve()
    reading -= 1
    return ok(part)
  }
  expect(await readInParts(NUMBERS, 3, read)).toEqual(ok([[1, 2, 3], [4, 5, 6], [7]]))
  expect(most).toBe(2)
  expect(await readInParts([], 3, read)).toEqual(ok([]))
})

it('a fault is the answer, and nothing is read after it', async () => {
  const asked: number[] = []
  const read = async ([first = 0]: readonly number[]): Promise<Result<number>> => {
    asked.push(first)
    return first === 2 ? fail('STORE_UNAVAILABLE', 'gone') : ok(first)
  }
  expect(await readInParts(NUMBERS, 1, read)).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
  expect(asked.length).toBeLessThan(5)
})
