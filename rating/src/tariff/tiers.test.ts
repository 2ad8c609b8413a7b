import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { expect, test } from 'vitest'
import { type Row, exact, huge, tiersOf } from '../testing/rules.ts'
import { tierName, tierOf, tierParts } from './tiers.ts'
import { exactText } from './trace.ts'

const EDGES = ['inclusive', 'exclusive'] as const
const THREE: Row[] = [
  ['5', '1'],
  ['10', '1'],
  ['', '1'],
]
const ONE: Row[] = [['', '1']]
const THIRD: Row[] = [
  ['1/3', '1'],
  ['', '1'],
]

test.each<[rows: Row[], quantity: string, inclusive: number, exclusive: number]>([
  [THREE, '0', 0, 0],
  [THREE, '4.999', 0, 0],
  [THREE, '14/3', 0, 0],
  [THREE, '5', 0, 1],
  [THREE, '5.001', 1, 1],
  [THREE, `5.${'1'.padStart(30, '0')}`, 1, 1],
  [THREE, '16/3', 1, 1],
  [THREE, '9.999', 1, 1],
  [THREE, '10', 1, 2],
  [THREE, '10.001', 2, 2],
  [THREE, huge(30), 2, 2],
  [THIRD, '0.333', 0, 0],
  [THIRD, '1/3', 0, 1],
  [THIRD, '0.334', 1, 1],
  [ONE, '0', 0, 0],
  [ONE, huge(30), 0, 0],
])('%j: %s is in tier %d, or %d', (rows, quantity, ...expected) => {
  const tiers = tiersOf(rows)
  const found = EDGES.map((edge) => tierOf(tiers, exact(quantity), edge))
  expect(found.map(({ index }) => index)).toEqual(expected)
  expect(found.map(({ tier }) => tier)).toEqual(expected.map((index) => tiers[index]))
  const starts = expected.map((index) => tiers[index - 1]?.upTo ?? ZERO)
  expect(found.map(({ from }) => from)).toEqual(starts)
})

test.each<[rows: Row[], quantity: string, inclusive: string, exclusive: string]>([
  [THREE, '0', '0', '0'],
  [THREE, '4.999', '4.999', '4.999'],
  [THREE, '5', '5', '5 0'],
  [THREE, '5.001', '5 0.001', '5 0.001'],
  [THREE, '16/3', '5 1/3', '5 1/3'],
  [THREE, '10', '5 5', '5 5 0'],
  [THREE, '31/3', '5 5 1/3', '5 5 1/3'],
  [THREE, huge(30), `5 5 ${'9'.repeat(29)}0`, `5 5 ${'9'.repeat(29)}0`],
  [THIRD, '1', '1/3 2/3', '1/3 2/3'],
  [ONE, '0', '0', '0'],
  [ONE, '31/3', '31/3', '31/3'],
])('%j: %s in parts', (rows, quantity, inclusive, exclusive) => {
  const parts = EDGES.map((edge) => tierParts(tiersOf(rows), exact(quantity), edge))
  expect(parts.map((each) => each.map((part) => exactText(part.quantity)).join(' '))).toEqual([
    inclusive,
    exclusive,
  ])
  for (const each of parts)
    expect(each.reduce((sum, part) => add(sum, part.quantity), ZERO)).toEqual(exact(quantity))
})

test.each<[rows: Row[], names: string[]]>([
  [THREE, ['0 to 5', '5 to 10', 'above 10']],
  [THIRD, ['0 to 1/3', 'above 1/3']],
  [ONE, ['above 0']],
])('%j: names', (rows, names) => {
  expect(rows.map((_, index) => tierName(tiersOf(rows), index, exactText))).toEqual(names)
})

test('a last tier with an end is a broken invariant', () => {
  const ended = tiersOf(THREE.slice(0, 2))
  expect(tierOf(ended, exact('10'), 'inclusive').index).toBe(1)
  expect(() => tierOf(ended, exact('10'), 'exclusive')).toThrow(RangeError)
  expect(() => tierParts(ended, exact('10.001'), 'inclusive')).toThrow(RangeError)
  expect(() => tierOf([], exact('0'), 'inclusive')).toThrow(RangeError)
})
