import { addMoney, money, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { ONE, ZERO, add, divide, rational, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { allocateToCostCentres } from './cost-centre.ts'
import type { CostCentreAmount } from './cost-centre.ts'
import type { Weights } from './usage-weights.ts'

/** What a cost centre bears of a line. */
export interface CostCentrePart extends CostCentreAmount {
  /** Its exact part of the line; undefined in a correction, which is a difference of two divisions. */
  readonly share: Rational | undefined
}

/** How a line's amount divides: by cost centre, the account as such first; they sum to it. None = the account bears it as such. */
export type Division = readonly CostCentrePart[]

/** A line to be divided. */
export interface DivisibleLine {
  /** The same for lines that correct each other. */
  readonly lineId: string
  readonly rule: string
  readonly amount: Money
  readonly isUsage: boolean
  /** In which proportion its usage is borne; undefined where it prices none. */
  readonly weights: Weights | undefined
}

/** A line that was billed before, with its division. */
export interface DividedLine extends Omit<DivisibleLine, 'weights'> {
  readonly parts: readonly CostCentreAmount[]
}

/** What cost centres bear of something in all, in minor units. */
type Totals = ReadonlyMap<string | undefined, bigint>

/** An account of no meaning: here all shares are of one. */
const OWN = ''

/**
 * Divides the lines of a statement. Lines of usage go by their weights, all others in the proportion in which the statement's usage is borne: that of the
 * rules that the line's rule is of, or where there is none, all. Where lines were billed `before`, both together are divided, and what was divided before is taken off.
 */
export function divideLines(
  lines: readonly DivisibleLine[],
  before: readonly DividedLine[],
  rulesOf: (rule: string) => readonly string[] | undefined,
): Division[] {
  const earlier = Map.groupBy(before, ({ lineId }) => lineId)
  const billed = (lineId: string) => earlier.get(lineId) ?? []
  const usage = lines.map((line) =>
    line.isUsage && (line.weights !== undefined || billed(line.lineId).length > 0)
      ? less(line, line.weights ?? new Map(), billed(line.lineId))
      : undefined,
  )
  const divided: DividedLine[] = [
    ...before.filter(({ isUsage }) => isUsage),
    ...lines.flatMap((line, index) => (usage[index] === undefined ? [] : [{ ...line, parts: usage[index] }])),
  ]
  return lines.map(
    (line, index) => usage[index] ?? less(line, proportion(divided, rulesOf(line.rule)), billed(line.lineId)),
  )
}

/** What each cost centre bears of several divided lines, the account as such first; none where none of them is divided. */
export function totalsOf(
  lines: readonly { readonly amount: Money; readonly parts: Division }[],
): CostCentreAmount[] {
  const [first] = lines
  if (first === undefined || lines.every(({ parts }) => parts.length === 0)) return []
  const { currency } = first.amount
  return inOrder(sums(lines)).flatMap(([costCentre, minor]) => {
    const isThere = costCentre !== undefined || minor !== 0n
    return isThere ? [{ costCentre, amount: money(minor, currency) }] : []
  })
}

/** The division of a line and what was billed before it, less that of what was billed. */
function less({ amount }: DivisibleLine, weights: Weights, before: readonly DividedLine[]): Division {
  // What was not divided before is not divided again.
  if (before.every(({ parts }) => parts.length === 0)) return split(amount, weights)
  const whole = addMoney(
    amount,
    sumMoney(
      before.map((line) => line.amount),
      amount.currency,
    ),
  )
  const now = new Map(divisionOf(whole, weights).map((part) => [part.costCentre, part.amount.minor]))
  const then = sums(before)
  const names = inOrder(new Map([...then, ...now])).map(([costCentre]) => costCentre)
  return names.flatMap((costCentre) => {
    const minor = (now.get(costCentre) ?? 0n) - (then.get(costCentre) ?? 0n)
    return minor === 0n ? [] : [{ costCentre, amount: money(minor, amount.currency), share: undefined }]
  })
}

/** A division, where it says anything. */
function split(amount: Money, weights: Weights): Division {
  const parts = divisionOf(amount, weights)
  return parts.every(({ costCentre }) => costCentre === undefined) ? [] : parts
}

/** By largest remainder, odd units to the account as such first, then by name; the account as such bears it all where there is no weight. */
function divisionOf(amount: Money, weights: Weights): Division {
  const positive = inOrder(weights).filter(([, weight]) => sign(weight) > 0)
  const sum = positive.reduce((all, [, weight]) => add(all, weight), ZERO)
  if (positive.length === 0) return [{ costCentre: undefined, amount, share: ONE }]
  const shares = positive.map(([costCentre, weight]) => ({
    account: OWN,
    costCentre,
    share: divide(weight, sum),
  }))
  return allocateToCostCentres(amount, shares, OWN).map((part, index) => ({
    ...part,
    share: shares[index]!.share,
  }))
}

/** In which proportion usage is borne: that of these rules, or all where none of theirs is there. What comes to less than nothing counts as nothing. */
function proportion(usage: readonly DividedLine[], rules: readonly string[] | undefined): Weights {
  const named = usage.filter(({ rule }) => rules?.includes(rule) === true)
  const totals = sums(named.length > 0 ? named : usage)
  return new Map([...totals].map(([costCentre, minor]) => [costCentre, rational(minor < 0n ? 0n : minor)]))
}

/** What is not divided, the account bears as such. */
function sums(
  lines: readonly { readonly amount: Money; readonly parts: readonly CostCentreAmount[] }[],
): Totals {
  const totals = new Map<string | undefined, bigint>()
  for (const { amount, parts } of lines) {
    const all = parts.length === 0 ? [{ costCentre: undefined, amount }] : parts
    for (const part of all)
      totals.set(part.costCentre, (totals.get(part.costCentre) ?? 0n) + part.amount.minor)
  }
  return totals
}

function inOrder<Value>(map: ReadonlyMap<string | undefined, Value>): [string | undefined, Value][] {
  return [...map].toSorted(([a = ''], [b = '']) => compareText(a, b))
}
