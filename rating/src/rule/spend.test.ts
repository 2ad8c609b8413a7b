import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { describe, expect, test } from 'vitest'
import type { ProrationBasis } from '../tariff/proration.ts'
import {
  MARCH,
  TERMS,
  UNROUNDED,
  between,
  billed,
  exact,
  huge,
  linesIn,
  named,
  scopeOf,
} from '../testing/rules.ts'
import { type BoundRule, type CommitmentRule, applyBound, applyCommitment } from './spend.ts'
import type { Outcome, Scope, Terms } from './types.ts'

type Lines = readonly (readonly [name: string, amount: string])[]

const SPEND = {
  id: 'own',
  name: 'own',
  of: undefined,
  amount: exact('100'),
  proration: 'day',
  effective: undefined,
  window: undefined,
} as const
const MINIMUM: BoundRule = { ...SPEND, kind: 'minimum' }
const MAXIMUM: BoundRule = { ...SPEND, kind: 'maximum' }
const COMMITMENT: CommitmentRule = {
  ...SPEND,
  kind: 'commitment',
  overageFactor: exact('1.5'),
  trueUp: true,
}
type Rule = BoundRule | CommitmentRule

const due = (rule: Rule, scope: Scope): string =>
  linesIn(unwrap(rule.kind === 'commitment' ? applyCommitment(rule, scope) : applyBound(rule, scope))).join(
    ' ',
  )
const factor = (text: string): CommitmentRule => ({ ...COMMITMENT, overageFactor: exact(text) })
const untrued = { ...COMMITMENT, trueUp: false }

describe('of 100 for a period', () => {
  test.each<[spent: string, minimum: string, maximum: string, commitment: string, untrued: string]>([
    ['-50', 'minimum 150', '', 'true-up 150', ''],
    ['0', 'minimum 100', '', 'true-up 100', ''],
    ['99.99', 'minimum 0.01', '', 'true-up 0.01', ''],
    ['100', '', '', '', ''],
    ['100.01', '', 'maximum -0.01', 'overage 0.005', 'overage 0.005'],
    ['150', '', 'maximum -50', 'overage 25', 'overage 25'],
    [huge(30, '100'), '', `maximum -${huge(30)}`, `overage 5${'0'.repeat(29)}`, `overage 5${'0'.repeat(29)}`],
  ])('%s', (spent, ...expected) => {
    const scope = scopeOf([['use', spent]])
    expect([MINIMUM, MAXIMUM, COMMITMENT, untrued].map((rule) => due(rule, scope))).toEqual(expected)
  })

  test('nothing at all', () => {
    const rules = [MINIMUM, MAXIMUM, COMMITMENT, untrued]
    expect(rules.map((rule) => due(rule, scopeOf([])))).toEqual(['minimum 100', '', 'true-up 100', ''])
  })
})

test.each<[factor: string, overage: string]>([
  ['0', 'overage -50'],
  ['0.5', 'overage -25'],
  ['1', ''],
  ['4/3', 'overage 50/3'],
  ['2', 'overage 50'],
])('what is beyond at %s times the price', (text, overage) => {
  expect(due(factor(text), scopeOf([['use', '150']]))).toBe(overage)
  expect(due(factor(text), scopeOf([['use', '100']]))).toBe('')
  expect(due(factor(text), scopeOf([['use', '99']]))).toBe('true-up 1')
})

describe('which lines count', () => {
  const both: Lines = [
    ['a', '80'],
    ['b', '50'],
  ]

  test.each<[string, Rule, Lines, string]>([
    ['all before', MAXIMUM, both, 'maximum -30'],
    ['reductions too', MAXIMUM, [...both, ['promo:discount', '-20']], 'maximum -10'],
    ['those of a rule', { ...MINIMUM, of: ['a'] }, both, 'minimum 20'],
    ['those of two', { ...COMMITMENT, of: ['a', 'b'] }, both, 'overage 15'],
    ['those of none', { ...MINIMUM, of: [] }, both, 'minimum 100'],
    ['as they are rounded', MINIMUM, [['a', '100/3']], 'minimum 66.67'],
  ])('%s', (_, rule, lines, expected) => {
    expect(due(rule, scopeOf(lines))).toBe(expected)
  })

  test('exactly, where the total alone is rounded', () => {
    expect(due(MINIMUM, scopeOf([['a', '100/3']], { terms: UNROUNDED }))).toBe('minimum 200/3')
  })

  test('only of periods that meet the part in which the rule is in force', () => {
    const scope = scopeOf([])
    const lines = scopeOf([['a', '80']]).lines.map((line) => ({
      ...line,
      period: between('2026-03-20', '2026-04-01'),
    }))
    const until = (date: string): BoundRule => ({
      ...MINIMUM,
      proration: 'none',
      effective: between('2026-03-01', date),
    })
    expect(due(until('2026-03-20'), { ...scope, lines })).toBe('minimum 100')
    expect(due(until('2026-03-21'), { ...scope, lines })).toBe('minimum 20')
  })
})

describe('billed before', () => {
  test.each<[string, Rule, Lines, before: string, string]>([
    ['minimum', { ...MINIMUM, amount: exact('1000') }, [], '100', 'minimum 900'],
    ['minimum, met', MINIMUM, [['a', '30']], '70', ''],
    ['maximum', MAXIMUM, [['a', '50']], '70', 'maximum -20'],
    [
      'maximum, after a discount',
      MAXIMUM,
      [
        ['a', '200'],
        ['half:discount', '-100'],
      ],
      '35',
      'maximum -35',
    ],
    ['maximum, met', MAXIMUM, [['a', '30']], '70', ''],
    ['commitment', COMMITMENT, [['a', '50']], '80', 'overage 15'],
    ['commitment, not met', COMMITMENT, [['a', '15']], '80', 'true-up 5'],
  ])('%s', (_, rule, lines, before, expected) => {
    const facts = [billed('own', before, MARCH), billed('other', '1', MARCH)]
    const elsewhen = billed('own', '1', between('2026-02-01', '2026-03-01'))
    expect(due(rule, scopeOf(lines, { billed: [...facts, elsewhen] }))).toBe(expected)
  })
})

describe('for a part of the time', () => {
  const of31 = { ...MINIMUM, amount: exact('31') }

  test.each<[ProrationBasis, string]>([
    ['second', 'minimum 16.5'],
    ['day', 'minimum 16'],
    ['day-inclusive', 'minimum 17'],
    ['fixed-30', 'minimum 15.5'],
    ['none', 'minimum 31'],
  ])('from the noon of the 15th by %s', (proration, expected) => {
    const effective = between('2026-03-15T12:00:00', '2026-05-01')
    expect(due({ ...of31, proration, effective }, scopeOf([]))).toBe(expected)
  })

  test('none of it', () => {
    const effective = between('2026-04-01', '2026-05-01')
    for (const rule of [MINIMUM, MAXIMUM, COMMITMENT])
      expect(due({ ...rule, effective }, scopeOf([['a', '150']]))).toBe('')
  })
})

describe('over a quarter', () => {
  const over = <R extends Rule>(rule: R): R => ({
    ...rule,
    amount: exact('300'),
    of: ['use'],
    window: 'quarter',
  })
  const [JANUARY, FEBRUARY] = [between('2026-01-01', '2026-02-01'), between('2026-02-01', '2026-03-01')]
  const february: Terms = { ...TERMS, period: FEBRUARY, inForce: FEBRUARY }
  const [minimum, maximum, commitment] = [over(MINIMUM), over(MAXIMUM), over(COMMITMENT)]

  test.each<[string, Rule, earlier: string, own: string, now: string, inMarch: string, inFebruary: string]>([
    ['nothing', minimum, '0', '0', '0', 'minimum 300', ''],
    ['just below', minimum, '250', '0', '49.99', 'minimum 0.01', ''],
    ['met', minimum, '250', '0', '50', '', ''],
    ['at most', maximum, '250', '0', '50', '', ''],
    ['just above', maximum, '250', '0', '50.01', 'maximum -0.01', 'maximum -0.01'],
    ['already above', maximum, '350', '-50', '10', 'maximum -10', 'maximum -10'],
    ['back below', maximum, '350', '-50', '-60', 'maximum 50', 'maximum 50'],
    ['not used up', commitment, '250', '0', '10', 'true-up 40', ''],
    ['used up', commitment, '250', '0', '50', '', ''],
    ['passed', commitment, '250', '0', '150', 'overage 50', 'overage 50'],
    ['passed before', commitment, '350', '25', '50', 'overage 25', 'overage 25'],
    ['no true-up', { ...commitment, trueUp: false }, '250', '0', '10', '', ''],
    [
      'of two of its months',
      { ...minimum, effective: between('2026-02-01', '2027-01-01') },
      '0',
      '0',
      '0',
      'minimum 590/3',
      '',
    ],
  ])('%s', (_, rule, earlier, own, now, inMarch, inFebruary) => {
    const facts = {
      earlier: [
        billed('use', earlier, JANUARY),
        billed('own', own, JANUARY),
        billed('use', '7', between('2025-12-01', '2026-01-01')),
      ],
    }
    expect(due(rule, scopeOf([['use', now]], facts))).toBe(inMarch)
    expect(due(rule, scopeOf([['use', now]], { ...facts, terms: february }))).toBe(inFebruary)
  })

  test('of a contract that began or ends within', () => {
    const within = (from: string, to: string): Scope =>
      scopeOf([], { terms: { ...TERMS, contract: between(from, to) } })
    expect(due({ ...minimum, amount: exact('90') }, within('2026-02-01', '2027-01-01'))).toBe('minimum 59')
    expect(due({ ...minimum, amount: exact('90') }, within('2026-03-22', '2027-01-01'))).toBe('minimum 10')
  })

  test.each<[string, Rule, Terms]>([
    ['years of a contract that is not known', { ...minimum, window: 'contract-year' }, TERMS],
    ['a document over its edge', minimum, { ...TERMS, inForce: between('2026-03-01', '2026-04-02') }],
  ])('%s is a fault', (_, rule, terms) => {
    const scope = scopeOf([], { terms })
    expect(rule.kind === 'commitment' ? applyCommitment(rule, scope) : applyBound(rule, scope)).toMatchObject(
      { ok: false, fault: { code: 'TARIFF_INVALID' } },
    )
  })
})

test('the bound, what counts and the difference are steps', () => {
  const steps = ({ lines }: Outcome): string[] => lines.flatMap(({ trace }) => named(trace))
  expect(steps(unwrap(applyBound(MINIMUM, scopeOf([]))))).toEqual([
    'proration day UTC',
    'minimum',
    'lines, and billed before',
    'difference',
    'amount half-even EUR',
  ])
  expect(steps(unwrap(applyCommitment(COMMITMENT, scopeOf([['use', '150']]))))).toEqual([
    'proration day UTC',
    'commitment',
    'lines, and billed before',
    'overage factor 1.5',
    'difference',
    'amount half-even EUR',
  ])
})
