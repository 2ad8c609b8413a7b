import type { RoundingName } from '@vouch/proto/kernel/rounding.ts'
import { expect, test } from 'vitest'
import { exact, huge } from '../testing/rules.ts'
import { packages } from './package.ts'
import { exactText } from './trace.ts'

const MODES = ['ceiling', 'floor', 'half-up', 'half-down', 'half-even', 'down', 'up'] as const

const amountOf = (size: string, price: string, rounding: RoundingName, quantity: string): string =>
  exactText(packages({ size: exact(size), price: exact(price), rounding }, exact(quantity)).amount)

test.each<[size: string, price: string, quantity: string, amount: string]>([
  ['10', '15', '0', '0'],
  ['10', '15', '0.001', '15'],
  ['10', '15', '5', '15'],
  ['10', '15', '9.999', '15'],
  ['10', '15', '10', '15'],
  ['10', '15', '10.001', '30'],
  ['10', '15', '17', '30'],
  ['10', '15', '20', '30'],
  ['10', '15', '22', '45'],
  ['10', '100', '121', '1300'],
  ['10', '100', '61/3', '300'],
  ['10', '0', '121', '0'],
  ['1', '0.01', '2.5', '0.03'],
  ['0.1', '1', '0.3', '3'],
  ['0.1', '1', '0.25', '3'],
  ['1/3', '1', '1', '3'],
  ['1/3', '1', '2/3', '2'],
  ['1/3', '1', '0.667', '3'],
  ['3', '1/3', '10', '4/3'],
  ['10', '15', huge(30), `15${'0'.repeat(29)}`],
  ['10', '15', huge(30, '1'), `15${'15'.padStart(29, '0')}`],
  [huge(30), '7', '1', '7'],
])('packages of %s at %s: %s is %s', (size, price, quantity, amount) => {
  expect(amountOf(size, price, 'ceiling', quantity)).toBe(amount)
})

test.each<[quantity: string, ...counts: string[]]>([
  ['0', '0', '0', '0', '0', '0', '0', '0'],
  ['0.001', '1', '0', '0', '0', '0', '0', '1'],
  ['49.999', '1', '0', '0', '0', '0', '0', '1'],
  ['50', '1', '0', '1', '0', '0', '0', '1'],
  ['50.001', '1', '0', '1', '1', '1', '0', '1'],
  ['100', '1', '1', '1', '1', '1', '1', '1'],
  ['100.001', '2', '1', '1', '1', '1', '1', '2'],
  ['150', '2', '1', '2', '1', '2', '1', '2'],
  ['250', '3', '2', '3', '2', '2', '2', '3'],
  ['500/3', '2', '1', '2', '2', '2', '1', '2'],
  ['-0.001', '0', '-1', '0', '0', '0', '0', '-1'],
  ['-50', '0', '-1', '-1', '0', '0', '0', '-1'],
  ['-100', '-1', '-1', '-1', '-1', '-1', '-1', '-1'],
  ['-150', '-1', '-2', '-2', '-1', '-2', '-1', '-2'],
])('%s in hundreds, by mode', (quantity, ...counts) => {
  expect(MODES.map((mode) => amountOf('100', '1', mode, quantity))).toEqual(counts)
})

test('what is counted and what it costs are steps', () => {
  const rule = { size: exact('10'), price: exact('15'), rounding: 'half-even' } as const
  expect(packages(rule, exact('16')).trace).toEqual([
    { rule: 'packages of 10 half-even', input: '1.6', output: '2' },
    { rule: 'package price', input: '2 × 15', output: '30' },
  ])
})
