import { ZERO, add, compare, multiply, rational, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { ModelAmount } from './per-unit.ts'
import { exactText } from './trace.ts'
import type { TraceStep } from './trace.ts'

/** A price by per cent of amounts, item by item. */
export interface Percentage {
  readonly percent: Rational
  /** Charged for each item beside the share. */
  readonly fixed: Rational
  /** Bounds of what one item costs that is no correction below zero; undefined = none. */
  readonly itemMinimum: Rational | undefined
  readonly itemMaximum: Rational | undefined
  /** The first items that cost nothing. */
  readonly freeItems: bigint
  /** The first part of the sum that costs nothing; what takes the sum below zero gives back. */
  readonly freeAmount: Rational
}

/**
 * The percentage model: of every item a share and a fixed part, within the item's bounds, after the free ones. An item that is
 * partly within the free amount pays the share of the rest, and the fixed part.
 *
 * @param items amounts in the order in which they occurred.
 */
export function percentage(rule: Percentage, items: readonly Rational[]): ModelAmount {
  const share = multiply(rule.percent, rational(1n, 100n))
  let [amount, passed, free, bounded] = [ZERO, ZERO, 0n, 0n]
  items.forEach((item, index) => {
    const before = passed
    passed = add(passed, item)
    const priced = subtract(beyond(passed, rule.freeAmount), beyond(before, rule.freeAmount))
    // An item of nothing is free where the free amount is not used up.
    const isInside = item.n !== 0n || (passed.n >= 0n && compare(passed, rule.freeAmount) < 0)
    if (BigInt(index) < rule.freeItems || (priced.n === 0n && isInside)) {
      free += 1n
      return
    }
    const exact = add(multiply(priced, share), rule.fixed)
    const kept = item.n < 0n ? exact : within(exact, rule)
    if (compare(kept, exact) !== 0) bounded += 1n
    amount = add(amount, kept)
  })
  const trace: TraceStep[] = [
    {
      rule: 'items',
      input: `${items.length}, ${exactText(passed)} in all`,
      output: `${BigInt(items.length) - free} priced`,
    },
    {
      rule: `${exactText(rule.percent)} per cent + ${exactText(rule.fixed)} an item`,
      input: `${bounded} items at a bound`,
      output: exactText(amount),
    },
  ]
  return { amount, trace }
}

/** What of a sum is not free. */
function beyond(sum: Rational, free: Rational): Rational {
  if (sum.n < 0n) return sum
  return compare(sum, free) < 0 ? ZERO : subtract(sum, free)
}

function within(value: Rational, { itemMinimum, itemMaximum }: Percentage): Rational {
  if (itemMinimum !== undefined && compare(value, itemMinimum) < 0) return itemMinimum
  return itemMaximum !== undefined && compare(value, itemMaximum) > 0 ? itemMaximum : value
}
