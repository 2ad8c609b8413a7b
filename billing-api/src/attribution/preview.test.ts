import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, money } from '@vouch/proto/kernel/money.ts'
import { rational } from '@vouch/proto/kernel/rational.ts'
import { allocateToCostCentres } from './cost-centre.ts'
import { draftRuleSet } from './draft.ts'
import { preview } from './preview.ts'
import type { ResourceLine } from './preview.ts'

const THIRDS = [
  { account: 'acme', percent: '33.3' },
  { account: 'beta', costCentre: 'x', percent: '33.3' },
  { account: 'beta', costCentre: 'y', percent: '0.1' },
  { account: 'gamma', percent: '33.3' },
]
const world = {
  ruleSets: [
    unwrap(
      draftRuleSet(
        {
          effectiveFrom: '1970-01-01T00:00:00.010Z',
          rules: [{ id: 'a', priority: 1, when: { resource: 'host:a/*' }, to: THIRDS }],
        },
        { version: 1 },
      ),
    ),
  ],
  attributes: new Map(),
}
const EVER = { from: 0, to: 1000 }

const lines = fc.array(
  fc.record({
    account: fc.constantFrom('acme', 'beta', 'delta'),
    resource: fc.constantFrom('host:a', 'host:a/disk:vda', 'host:b'),
    period: fc
      .tuple(fc.nat(50), fc.integer({ min: 1, max: 50 }))
      .map(([from, length]) => ({ from, to: from + length })),
    amount: fc
      .tuple(
        fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }),
        fc.constantFrom('EUR' as const, 'JPY' as const),
      )
      .map(([minor, currency]) => money(minor, currency)),
  }),
  { maxLength: 8 },
)
const spans = fc
  .tuple(fc.nat(60), fc.integer({ min: 1, max: 60 }))
  .map(([from, length]) => ({ from, to: from + length }))

describe('preview', () => {
  it('moves whole money: what some lose, others gain or nobody bears', () => {
    fc.assert(
      fc.property(lines, spans, (all, span) => {
        const { moves, balances } = preview(world, span, all, new Map())
        for (const currency of ['EUR', 'JPY']) {
          const net = balances
            .filter((one) => one.net.currency === currency)
            .reduce((sum, one) => sum + one.net.minor, 0n)
          const lost = moves.filter(({ to, amount }) => to === undefined && amount.currency === currency)
          expect(net + lost.reduce((sum, { amount }) => sum + amount.minor, 0n)).toBe(0n)
        }
        for (const { account, gains, losses } of balances) {
          const of = (side: 'from' | 'to') =>
            moves
              .filter((move) => move[side] === account && move.amount.currency === gains.currency)
              .reduce((sum, { amount }) => sum + amount.minor, 0n)
          expect([gains.minor, losses.minor]).toEqual([of('to'), of('from')])
        }
      }),
    )
  })

  it('is within a minor unit of the exact part, line by line', () => {
    fc.assert(
      fc.property(lines, spans, (all, span) => {
        for (const line of all) {
          const { moves } = preview(world, span, [line], new Map())
          const overlapMs = Math.max(
            0,
            Math.min(line.period.to, span.to) - Math.max(line.period.from, span.from, 10),
          )
          const thousandths = new Map([
            ['acme', 333n],
            ['beta', 334n],
            ['gamma', 333n],
          ])
          const length = BigInt(line.period.to - line.period.from)
          for (const { from, to, amount } of moves.filter((move) => move.to !== undefined)) {
            const other = from === line.account ? to! : from
            const moved = from === line.account ? amount.minor : -amount.minor
            const exact = line.amount.minor * BigInt(overlapMs) * thousandths.get(other)!
            const whole = length * 1000n
            expect(amount.minor > 0n && line.resource !== 'host:b').toBe(true)
            const off = moved * whole - exact
            expect(off <= whole && off >= -whole).toBe(true)
          }
        }
      }),
    )
  })

  const line = (extra: Partial<ResourceLine> = {}): ResourceLine => ({
    account: 'acme',
    resource: 'host:a',
    period: { from: 0, to: 110 },
    amount: money(1100n, 'EUR'),
    ...extra,
  })
  const shown = (all: readonly ResourceLine[], holdings = new Map()) =>
    preview(world, EVER, all, holdings).moves.map(
      ({ resource, from, to = 'nobody', amount }) => `${resource} ${from} → ${to} ${formatAmount(amount)}`,
    )

  it('splits by time before the rules as well as by share', () => {
    // 10 of 110 ms are under no rule set; 33.3 % of the rest stays.
    expect(shown([line()])).toEqual([
      'host:a acme → nobody 1.00',
      'host:a acme → beta 3.34',
      'host:a acme → gamma 3.33',
    ])
  })

  it('moves nothing where all is split as the rules say already, and what is too much goes back', () => {
    const period = { from: 10, to: 110 }
    const split = (acme: bigint, beta: bigint, gamma: bigint) =>
      [
        ['acme', acme],
        ['beta', beta],
        ['gamma', gamma],
      ].map(([account, minor]) =>
        line({ account: account as string, period, amount: money(minor as bigint, 'EUR') }),
      )
    expect(shown(split(333_000n, 334_000n, 333_000n))).toEqual([])
    expect(shown(split(-333_000n, -334_000n, -333_000n))).toEqual([])
    expect(shown(split(1_000_000n, 0n, 0n))).toEqual([
      'host:a acme → beta 3340.00',
      'host:a acme → gamma 3330.00',
    ])
    expect(shown(split(-1_000_000n, 0n, 0n))).toEqual([
      'host:a beta → acme 3340.00',
      'host:a gamma → acme 3330.00',
    ])
  })

  it('sums up lines of one resource, leaves what is assigned by hand where it is, and shows no move of nothing', () => {
    const held = { id: '1', account: 'acme', resource: 'host:a', period: { from: 0, to: undefined } }
    expect(shown([line(), line()]).at(1)).toBe('host:a acme → beta 6.68')
    expect(shown([line()], new Map([['host:a', [held]]]))).toEqual([])
    expect(shown([line({ amount: money(0n, 'EUR') })])).toEqual([])
    expect(shown([line({ resource: 'host:b', period: { from: 20, to: 30 } })])).toEqual([
      'host:b acme → nobody 11.00',
    ])
  })
})

describe('allocateToCostCentres', () => {
  const shares = [
    { account: 'acme', costCentre: undefined, share: rational(1n, 3n) },
    { account: 'acme', costCentre: 'x', share: rational(1n, 6n) },
    { account: 'acme', costCentre: 'y', share: rational(1n, 6n) },
    { account: 'beta', costCentre: 'x', share: rational(1n, 3n) },
  ]

  it('sums to the amount, in the proportion of the shares', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), (minor) => {
        const parts = allocateToCostCentres(money(minor, 'EUR'), shares, 'acme')
        expect(parts.map(({ costCentre }) => costCentre)).toEqual([undefined, 'x', 'y'])
        expect(parts.reduce((sum, { amount }) => sum + amount.minor, 0n)).toBe(minor)
        const [half, quarter] = parts.map(({ amount }) => amount.minor)
        const off = half! - 2n * quarter!
        expect(off >= -3n && off <= 3n).toBe(true)
      }),
    )
  })

  it('gives the odd cent to the largest remainder, and refuses an account without a share', () => {
    const parts = allocateToCostCentres(money(101n, 'EUR'), shares, 'acme').map(({ amount }) => amount.minor)
    expect(parts).toEqual([51n, 25n, 25n])
    expect(() => allocateToCostCentres(money(1n, 'EUR'), shares, 'gamma')).toThrow(RangeError)
  })
})
