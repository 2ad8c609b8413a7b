import { expect, test } from 'vitest'
import { exact, huge } from '../testing/rules.ts'
import { perUnit } from './per-unit.ts'
import { exactText } from './trace.ts'

test.each<[quantity: string, unitPrice: string, amount: string]>([
  ['0', '5', '0'],
  ['0', '0', '0'],
  ['3', '0', '0'],
  ['1', '0.07', '0.07'],
  ['5.001', '2', '10.002'],
  ['1/3', '3', '1'],
  ['1/3', '0.1', '1/30'],
  ['10', '1/3', '10/3'],
  ['1/7', '1/3', '1/21'],
  ['0.000000001', '0.000000001', '0.000000000000000001'],
  ['-1', '2.5', '-2.5'],
  ['5', '-2', '-10'],
  ['-5', '-2', '10'],
  ['-1/3', '0.1', '-1/30'],
  [huge(30), '0.01', huge(28)],
  [huge(30, '1'), '3', `3${'0'.repeat(29)}3`],
  [huge(30, '1'), '0.1', `${huge(29)}.1`],
  [huge(30), huge(30), huge(60)],
  [huge(30), '1/3', `${huge(30)}/3`],
])('%s at %s is %s', (quantity, unitPrice, amount) => {
  const priced = perUnit(exact(quantity), exact(unitPrice))
  expect(exactText(priced.amount)).toBe(amount)
  expect(priced.trace).toEqual([{ rule: 'per unit', input: `${quantity} × ${unitPrice}`, output: amount }])
})
