import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { formatDecimal } from '@vouch/proto/kernel/decimal.ts'
import {
  formatAmount,
  majorAmount,
  money,
  roundToMoney,
  subtractMoney,
  sumMoney,
} from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { divide, rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'

/** What one way of pricing comes to, period by period. */
export interface Course {
  /** Undefined = the contracts as they are. */
  readonly tariff: { readonly id: string; readonly version: number } | undefined
  readonly totals: readonly Money[]
}

/** What is left of an amount when the cost is paid. */
export interface Margin {
  readonly amount: Money
  /** Of the amount, one decimal; undefined where that is zero. */
  readonly percent: string | undefined
}

/** A course beside the others. */
export interface Ranked extends Course {
  /** Counts from 1: the cheapest. */
  readonly rank: number
  readonly total: Money
  /** A period's total on average, rounded half up to minor units. */
  readonly mean: Money
  /** Largest less smallest total as per cent of the mean, one decimal; undefined where the mean is zero. */
  readonly variation: string | undefined
  /** What is left of the total when the cost is paid; undefined where that is not known. */
  readonly margin: Margin | undefined
  /**
   * The first period, counted from 1, from which on the periods so far never come to more than under the present contracts; undefined for those
   * themselves, and where there is none.
   */
  readonly breakEven: number | undefined
  readonly reasons: readonly string[]
}

/**
 * Ranks courses by what they come to in all, the present contracts first among equals; each with its reasons.
 *
 * @param costs what the same usage costs the seller, period by period; undefined = not known.
 */
export function rankCourses(
  courses: readonly Course[],
  currency: CurrencyCode,
  costs?: readonly Money[],
): Ranked[] {
  const whole = (totals: readonly Money[]): Money => sumMoney(totals, currency)
  const order = courses
    .map((course, index) => ({ course, index, total: whole(course.totals) }))
    .toSorted((a, b) => compareMinor(a.total, b.total) || a.index - b.index)
  const present = courses.find(({ tariff }) => tariff === undefined)
  return order.map(({ course, total }, position) => {
    const { totals } = course
    const share = divide(majorAmount(total), rational(BigInt(totals.length)))
    const mean = roundToMoney(share, currency, ROUNDINGS['half-up'])
    const variation = variationOf(totals, total)
    const isOther = present !== undefined && present !== course
    const breakEven = isOther ? breakEvenOf(totals, present.totals) : undefined
    const margin = costs === undefined ? undefined : marginOf(total, whole(costs))
    const reasons = [
      cheapestIn(course, courses),
      ...(isOther ? [besides(total, whole(present.totals))] : []),
      ...(breakEven === undefined || breakEven === 1
        ? []
        : [`no more than the present contracts in all from period ${breakEven} on`]),
      ...(margin === undefined ? [] : [marginText(margin)]),
      ...(variation === undefined || totals.length < 2
        ? []
        : [`its largest and smallest period differ by ${variation} % of the mean`]),
    ]
    return { ...course, rank: position + 1, total, mean, variation, margin, breakEven, reasons }
  })
}

function cheapestIn(course: Course, all: readonly Course[]): string {
  const count = course.totals.filter((total, period) =>
    all.every(({ totals }) => totals[period]!.minor >= total.minor),
  ).length
  return `cheapest in ${count} of ${course.totals.length} periods`
}

function besides(total: Money, present: Money): string {
  const difference = subtractMoney(total, present)
  if (difference.minor === 0n) return 'as much as the present contracts'
  const size = money(difference.minor < 0n ? -difference.minor : difference.minor, difference.currency)
  const side = difference.minor < 0n ? 'below' : 'above'
  const share = present.minor === 0n ? '' : ` (${percent(size.minor, present.minor)} %)`
  return `${formatAmount(size)} ${size.currency}${share} ${side} the present contracts`
}

function marginOf(total: Money, cost: Money): Margin {
  const amount = subtractMoney(total, cost)
  return { amount, percent: total.minor === 0n ? undefined : percent(amount.minor, total.minor) }
}

function marginText({ amount, percent: share }: Margin): string {
  return `leaves ${formatAmount(amount)} ${amount.currency}${share === undefined ? '' : ` (${share} %)`} when its cost is paid`
}

function breakEvenOf(totals: readonly Money[], present: readonly Money[]): number | undefined {
  let ahead = 0n
  let from: number | undefined = 1
  for (const [index, { minor }] of totals.entries()) {
    ahead += minor - present[index]!.minor
    from = ahead > 0n ? undefined : (from ?? index + 1)
  }
  return from
}

function variationOf(totals: readonly Money[], total: Money): string | undefined {
  if (total.minor === 0n) return undefined
  const minors = totals.map(({ minor }) => minor).toSorted((a, b) => (a < b ? -1 : 1))
  const spread = (minors.at(-1) ?? 0n) - (minors[0] ?? 0n)
  // Of the exact mean, not of the rounded one.
  return percent(spread * BigInt(totals.length), total.minor)
}

/** A share in per cent with one decimal, rounded half up. */
function percent(part: bigint, whole: bigint): string {
  const share = rational(part * 100n, whole < 0n ? -whole : whole)
  return formatDecimal(share, 1, ROUNDINGS['half-up'])
}

function compareMinor(a: Money, b: Money): number {
  if (a.minor === b.minor) return 0
  return a.minor < b.minor ? -1 : 1
}
