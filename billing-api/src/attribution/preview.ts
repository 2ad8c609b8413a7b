import { allocate } from '@vouch/proto/kernel/allocation.ts'
import { addMoney, money, negateMoney, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { attribute } from './attribute.ts'
import type { World } from './attribute.ts'
import { wholeWeights } from './cost-centre.ts'
import { milliseconds, unassigned } from './stretches.ts'
import type { Holdings } from './stretches.ts'

/** An invoice line, drawn or issued, that is of one resource. */
export interface ResourceLine {
  readonly account: string
  readonly resource: string
  readonly period: Period
  readonly amount: Money
}

/** Money that another account would bear. */
export interface Move {
  readonly resource: string
  readonly from: string
  /** Undefined = nobody would bear it. */
  readonly to: string | undefined
  readonly amount: Money
}

/** What an account would bear more, and what less, in one currency. */
export interface Balance {
  readonly account: string
  readonly gains: Money
  readonly losses: Money
  /** Gains less losses. */
  readonly net: Money
}

/** What rules would do to lines. */
export interface Preview {
  /**
   * By resource, from, to (nobody first) and currency. Between two accounts it is what remains of both directions, so
   * above zero; what nobody would bear has the sign of its lines.
   */
  readonly moves: readonly Move[]
  /** By account and currency. */
  readonly balances: readonly Balance[]
}

/**
 * Splits each line's amount by time and share over those who would bear it in the period, by largest remainder:
 * the parts of a line sum to its amount. What of a line lies outside of the period, or is assigned by hand to
 * whom `kept` says, stays where it is. A line moves with what lies below its resource.
 */
export function preview(
  world: World,
  period: Period,
  lines: readonly ResourceLine[],
  kept: Holdings,
): Preview {
  const sums = new Map<string, Move>()
  for (const move of lines.flatMap((line) => movesOf(world, period, line, kept)).map(upward)) {
    const sum = sums.get(keyOf(move))
    sums.set(keyOf(move), sum === undefined ? move : { ...sum, amount: addMoney(sum.amount, move.amount) })
  }
  const moved = [...sums.values()].filter(({ amount }) => amount.minor !== 0n).map(positive)
  const moves = moved.toSorted((a, b) => compareText(keyOf(a), keyOf(b)))
  return { moves, balances: balancesOf(moves) }
}

function movesOf(world: World, period: Period, line: ResourceLine, kept: Holdings): Move[] {
  const weights = weightsOf(world, period, line, kept)
  const targets = [...weights.keys()]
  const parts = allocate(line.amount.minor, wholeWeights([...weights.values()]))
  return targets.flatMap((to, index) => {
    if (to === line.account) return []
    const amount = money(parts[index] ?? 0n, line.amount.currency)
    return [{ resource: line.resource, from: line.account, to, amount }]
  })
}

/** Milliseconds of a line's period that each account would bear: first who bears them now, then by name, then nobody. */
function weightsOf(
  world: World,
  period: Period,
  { account, resource, period: whole }: ResourceLine,
  kept: Holdings,
): ReadonlyMap<string | undefined, Rational> {
  const weights = new Map<string | undefined, Rational>()
  const give = (to: string | undefined, weight: Rational) =>
    void weights.set(to, add(weights.get(to) ?? ZERO, weight))
  const inside = intersect(whole, period)
  const free = inside === undefined ? [] : unassigned(resource, inside, kept)
  const freeMs = free.reduce((sum, span) => sum + milliseconds(span), 0n)
  give(account, rational(milliseconds(whole) - freeMs))
  for (const piece of free.flatMap((span) => attribute(world, resource, span))) {
    const length = rational(milliseconds(piece.period))
    if (piece.by === 'nobody') give(undefined, length)
    for (const share of piece.shares) give(share.account, multiply(length, share.share))
  }
  const [stays, ...others] = weights
  return new Map([...(stays === undefined ? [] : [stays]), ...others.toSorted(byTarget)])
}

function balancesOf(moves: readonly Move[]): Balance[] {
  const sides = moves.flatMap(({ from, to, amount }) => [
    { account: from, gain: money(0n, amount.currency), loss: amount },
    ...(to === undefined ? [] : [{ account: to, gain: amount, loss: money(0n, amount.currency) }]),
  ])
  const grouped = Map.groupBy(sides, ({ account, loss }) => JSON.stringify([account, loss.currency]))
  return [...grouped].toSorted(byKey).flatMap(([, group]) => {
    const [first] = group
    if (first === undefined) return []
    const { currency } = first.loss
    const gains = sumMoney(
      group.map(({ gain }) => gain),
      currency,
    )
    const losses = sumMoney(
      group.map(({ loss }) => loss),
      currency,
    )
    return [{ account: first.account, gains, losses, net: addMoney(gains, negateMoney(losses)) }]
  })
}

/** From the account that is first by name to the other one, so that both directions add up. */
function upward(move: Move): Move {
  return move.to !== undefined && move.from > move.to ? reversed(move, move.to) : move
}

function positive(move: Move): Move {
  return move.to !== undefined && move.amount.minor < 0n ? reversed(move, move.to) : move
}

function reversed({ resource, from, amount }: Move, to: string): Move {
  return { resource, from: to, to: from, amount: negateMoney(amount) }
}

function keyOf({ resource, from, to = '', amount }: Move): string {
  return JSON.stringify([resource, from, to, amount.currency])
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return compareText(a, b)
}

/** Nobody comes last. */
function byTarget(
  [a]: readonly [string | undefined, unknown],
  [b]: readonly [string | undefined, unknown],
): number {
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1
  return a < b ? -1 : 1
}
