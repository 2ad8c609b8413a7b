import { formatAmount, money } from '@vouch/proto/kernel/money.ts'
import { describe, expect, test } from 'vitest'
import { MARCH, UNROUNDED, linesIn, named, scopeOf } from '../testing/rules.ts'
import { type CreditRule, type Grant, applyCredit } from './credit.ts'
import type { Outcome } from './types.ts'

type Lines = readonly (readonly [name: string, amount: string])[]

/** Cents; of one priority, without bounds. */
const grant = (id: string, cents: bigint, more: Partial<Grant> = {}): Grant => ({
  id,
  amount: money(cents, 'EUR'),
  priority: 1,
  fromMs: undefined,
  expiresMs: undefined,
  ...more,
})
const ruleOf = (grants: readonly Grant[], of?: readonly string[]): CreditRule => ({
  kind: 'credit',
  id: 'wallet',
  name: 'wallet',
  of,
  order: 'priority',
  grants,
})
/** What each grant pays, and what it has left, used or not. */
const said = ({ lines, balances = [] }: Outcome): [string[], string[]] => [
  lines.map(({ pool, amount }) => `${pool} ${formatAmount(amount)}`),
  balances.map(({ grant: id, left }) => `${id} ${formatAmount(left)}`),
]
test.each<[CreditRule['order'], string[]]>([
  ['priority', ['c -10.00', 'b -10.00', 'a -10.00', 'd -10.00']],
  ['expiry', ['b -10.00', 'c -10.00', 'a -10.00', 'd -10.00']],
])('in the order of %s', (order, expected) => {
  const [soon, late] = [MARCH.to, MARCH.to + 1]
  const grants = [
    grant('d', 1000n, { priority: 3 }),
    grant('c', 1000n, { priority: 1, expiresMs: late }),
    grant('a', 1000n, { priority: 2, expiresMs: late }),
    grant('b', 1000n, { priority: 2, expiresMs: soon }),
  ]
  const due = { ...ruleOf(grants), order }
  // Whatever the order in which they are stated.
  for (const given of [grants, grants.toReversed()])
    expect(said(applyCredit({ ...due, grants: given }, scopeOf([['a', '100']])))[0]).toEqual(expected)
})

const A: Lines = [['a', '100']]
const TWO: Lines = [
  ['a', '100'],
  ['b', '50'],
]

describe('what grants pay', () => {
  test.each<[string, Lines, Grant[], string[], string[]]>([
    ['no lines', [], [grant('g', 3000n)], [], ['g 30.00']],
    ['nothing is due', [['a', '0']], [grant('g', 3000n)], [], ['g 30.00']],
    ['something is given back', [['a', '-10']], [grant('g', 3000n)], [], ['g 30.00']],
    ['no grants', A, [], [], []],
    ['a grant of nothing', A, [grant('g', 0n)], [], ['g 0.00']],
    ['a cent', [['a', '0.01']], [grant('g', 3000n)], ['g -0.01'], ['g 29.99']],
    ['a part', A, [grant('g', 3000n)], ['g -30.00'], ['g 0.00']],
    ['all but a cent', A, [grant('g', 9999n)], ['g -99.99'], ['g 0.00']],
    ['all exactly', A, [grant('g', 10_000n)], ['g -100.00'], ['g 0.00']],
    ['more than is due', A, [grant('g', 10_001n)], ['g -100.00'], ['g 0.01']],
    [
      'two, the second in part',
      A,
      [grant('g', 6000n), grant('h', 6000n)],
      ['g -60.00', 'h -40.00'],
      ['g 0.00', 'h 20.00'],
    ],
    [
      'the first is enough',
      A,
      [grant('g', 10_000n), grant('h', 6000n)],
      ['g -100.00'],
      ['g 0.00', 'h 60.00'],
    ],
    [
      'after other reductions',
      [...A, ['promo:discount', '-80']],
      [grant('g', 3000n)],
      ['g -20.00'],
      ['g 10.00'],
    ],
    [
      'very much',
      [['a', `${10n ** 30n}`]],
      [grant('g', 10n ** 40n)],
      [`g -${10n ** 30n}.00`],
      [`g ${10n ** 38n - 10n ** 30n}.00`],
    ],
  ])('%s', (_, lines, grants, paid, left) => {
    expect(said(applyCredit(ruleOf(grants), scopeOf(lines)))).toEqual([paid, left])
  })
})

describe('in which order', () => {
  const [soon, later] = [{ expiresMs: MARCH.to + 1 }, { expiresMs: MARCH.to + 2 }]

  test.each<[string, Grant[], string[]]>([
    ['by id', [grant('h', 6000n), grant('g', 6000n)], ['g -60.00', 'h -40.00']],
    ['by expiry before id', [grant('g', 6000n, later), grant('h', 6000n, soon)], ['h -60.00', 'g -40.00']],
    ['without expiry last', [grant('g', 6000n), grant('h', 6000n, later)], ['h -60.00', 'g -40.00']],
    [
      'by priority before expiry',
      [grant('g', 6000n, { ...soon, priority: 2 }), grant('h', 6000n, later)],
      ['h -60.00', 'g -40.00'],
    ],
  ])('%s', (_, grants, paid) => {
    expect(said(applyCredit(ruleOf(grants), scopeOf(A)))[0]).toEqual(paid)
  })
})

describe('which may be used', () => {
  test.each<[string, Partial<Grant>, string[]]>([
    ['expires as the period begins', { expiresMs: MARCH.from }, []],
    ['expires just after', { expiresMs: MARCH.from + 1 }, ['g -30.00']],
    ['begins as the period ends', { fromMs: MARCH.to }, []],
    ['begins just before', { fromMs: MARCH.to - 1 }, ['g -30.00']],
    ['begins and expires within', { fromMs: MARCH.from + 1, expiresMs: MARCH.to - 1 }, ['g -30.00']],
  ])('%s', (_, more, paid) => {
    const [lines, left] = said(applyCredit(ruleOf([grant('g', 3000n, more)]), scopeOf(A)))
    expect(lines).toEqual(paid)
    expect(left).toEqual([paid.length === 0 ? 'g 30.00' : 'g 0.00'])
  })

  test.each<[string, bigint, string[], string[]]>([
    ['nothing', 0n, ['g -30.00'], ['g 0.00']],
    ['a part', 2999n, ['g -0.01'], ['g 0.00']],
    ['all', 3000n, [], ['g 0.00']],
    ['more than all', 3001n, [], ['g 0.00']],
  ])('used elsewhere: %s', (_, cents, paid, left) => {
    const scope = scopeOf(A, { used: new Map([['g', money(cents, 'EUR')]]) })
    expect(said(applyCredit(ruleOf([grant('g', 3000n)]), scope))).toEqual([paid, left])
  })
})

describe('of some lines', () => {
  test.each<[string, Lines, string[], string[]]>([
    ['one rule', TWO, ['b'], ['g -50.00']],
    ['a rule that is not there', TWO, ['c'], []],
    ['never more than is due in all', [...TWO, ['promo:discount', '-120']], ['b'], ['g -30.00']],
    ['nothing is due in all', [...TWO, ['promo:discount', '-150']], ['b'], []],
  ])('%s', (_, lines, of, paid) => {
    expect(said(applyCredit(ruleOf([grant('g', 20_000n)], of), scopeOf(lines)))[0]).toEqual(paid)
  })
})

test('where the total alone is rounded, the grant that pays the rest pays the fraction', () => {
  const scope = scopeOf([['a', '10/3']], { terms: UNROUNDED })
  const exactly = (...grants: Grant[]): string[] => linesIn(applyCredit(ruleOf(grants), scope))
  expect(exactly(grant('g', 200n))).toEqual(['credit -2'])
  expect(exactly(grant('g', 333n))).toEqual(['credit -10/3'])
  expect(exactly(grant('g', 1000n))).toEqual(['credit -10/3'])
  expect(exactly(grant('g', 200n), grant('h', 1000n))).toEqual(['credit -2', 'credit -4/3'])
})

test('the grant is a step', () => {
  const grants = [grant('g', 6000n, { expiresMs: MARCH.to }), grant('h', 6000n, { priority: 2 })]
  const { lines } = applyCredit(ruleOf(grants), scopeOf(A))
  expect(lines.map(({ trace }) => named(trace))).toEqual([
    ['grant g, priority 1, expires 2026-04-01T00:00:00Z', 'amount half-even EUR'],
    ['grant h, priority 2, without expiry', 'amount half-even EUR'],
  ])
  expect(lines[1]?.trace[0]).toMatchObject({ input: '40.00 due, 60.00 granted', output: '40.00' })
})
