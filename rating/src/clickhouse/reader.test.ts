import { expect, it } from 'vitest'
import { integerOf, safeInteger, tuplesOf } from './reader.ts'

it.each([
  ['no array', '1'],
  ['a member that is no tuple', ['1']],
  ['a tuple that is short', [['1', '2'], ['1']]],
  ['a tuple that is long', [['1', '2', '3']]],
  ['a number that is no text', [['1', 2]]],
])('of tuples, %s is refused and never read as zero', (_, steps) => {
  expect(() => tuplesOf({ steps }, 'steps', 2)).toThrow('column steps')
})

it('integers beyond what a double holds exactly are refused', () => {
  expect(tuplesOf({ steps: [['1', '18446744073709551615']] }, 'steps', 2)).toEqual([
    ['1', '18446744073709551615'],
  ])
  expect([integerOf({ a: '1700000000000' }, 'a'), integerOf({ a: 7 }, 'a')]).toEqual([1_700_000_000_000, 7])
  for (const text of ['9007199254740992', '', 'x'])
    expect(() => safeInteger(text, 'steps')).toThrow('column steps is not a safe integer')
})
