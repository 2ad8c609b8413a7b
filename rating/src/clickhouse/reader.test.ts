import { expect, it } from 'vitest'
import { integerOf } from './reader.ts'

it('integers beyond what a double holds exactly are refused', () => {
  expect([integerOf({ a: '1700000000000' }, 'a'), integerOf({ a: 7 }, 'a')]).toEqual([1_700_000_000_000, 7])
  for (const a of ['9007199254740992', '', 'x', 2 ** 53])
    expect(() => integerOf({ a }, 'a')).toThrow('column a is not a safe integer')
})
