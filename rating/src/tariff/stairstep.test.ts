import { expect, test } from 'vitest'
import { type Row, exact, huge, tiersOf } from '../testing/rules.ts'
import { stairstep } from './stairstep.ts'
import { exactText } from './trace.ts'

const STEPS: Row[] = [
  ['10', '0', '100'],
  ['20', '0', '100/3'],
  ['', '0', '400'],
]
/** Its unit prices are none of a stairstep. */
const ONE: Row[] = [['', '3', '7']]

test.each<[rows: Row[], quantity: string, inclusive: string, exclusive: string]>([
  [STEPS, '0', '100', '100'],
  [STEPS, '1/3', '100', '100'],
  [STEPS, '9.999', '100', '100'],
  [STEPS, '10', '100', '100/3'],
  [STEPS, '10.001', '100/3', '100/3'],
  [STEPS, '15', '100/3', '100/3'],
  [STEPS, '59/3', '100/3', '100/3'],
  [STEPS, '20', '100/3', '400'],
  [STEPS, '20.001', '400', '400'],
  [STEPS, `20.${'1'.padStart(30, '0')}`, '400', '400'],
  [STEPS, huge(30), '400', '400'],
  [ONE, '0', '7', '7'],
  [ONE, '5', '7', '7'],
])('%j of %s', (rows, quantity, inclusive, exclusive) => {
  const priced = (['inclusive', 'exclusive'] as const).map((edge) =>
    exactText(stairstep(tiersOf(rows), exact(quantity), edge).amount),
  )
  expect(priced).toEqual([inclusive, exclusive])
})

test('the step that is reached is named', () => {
  expect(stairstep(tiersOf(STEPS), exact('10'), 'inclusive').trace).toEqual([
    { rule: 'stairstep 0 to 10 inclusive', input: '10', output: '100' },
  ])
  expect(stairstep(tiersOf(STEPS), exact('10'), 'exclusive').trace).toEqual([
    { rule: 'stairstep 10 to 20 exclusive', input: '10', output: '100/3' },
  ])
})
