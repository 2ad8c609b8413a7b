import { formatDecimal, parseDecimal, powerOfTen } from '@vouch/proto/kernel/decimal.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import {
  ZERO,
  add,
  compare,
  divide,
  multiply,
  parseFraction,
  rational,
  subtract,
} from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS, ceiling } from '@vouch/proto/kernel/rounding.ts'
import type { RoundingName } from '@vouch/proto/kernel/rounding.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { Usage } from './types.ts'

/** Where something happens to quantities: to each entry, to the sum of a resource, or to the sum of a line. */
export type Stage = 'entry' | 'resource' | 'line'

/**
 * How entries become one quantity: the `sum`; the `maximum` of all; the sum of what was `last` of each resource; or the `count` of resources of
 * which anything was used, whatever the unit.
 */
export type Aggregate = 'sum' | 'maximum' | 'last' | 'count'

/** Where a member of a rule has its value from, for the trace; empty = from the rule alone. */
type Origin = string

/** What a used quantity goes through until it is billed, in this order. */
export interface QuantityRule {
  readonly aggregate: Aggregate
  /** Below it nothing is billed, from it on all; what is below zero stays as it is. */
  readonly threshold: { readonly quantity: Rational; readonly at: Stage; readonly origin: Origin } | undefined
  /** Billed in steps of this size, begun ones whole, and at least the minimum; of what was used at all. */
  readonly increment:
    | { readonly size: Rational; readonly minimum: Rational; readonly at: Stage; readonly origin: Origin }
    | undefined
  readonly rounding: { readonly mode: RoundingName; readonly scale: number; readonly at: Stage } | undefined
  /** Costs nothing; taken off before or after the line is rounded. */
  readonly free:
    { readonly quantity: Rational; readonly stage: 'before-rounding' | 'after-rounding' } | undefined
  /** Billed at least. */
  readonly minimum: Rational | undefined
}

/** An entry in the billable unit. */
export interface Entry {
  readonly usage: Usage
  readonly quantity: Rational
}

/** A billable quantity, and how it came about. */
export interface Quantity {
  readonly value: Rational
  readonly trace: readonly TraceStep[]
}

/** Whether a quantity in two parts is another than at once, whatever the price. */
export function beginsAnew({ free, minimum, threshold, aggregate: how }: QuantityRule): boolean {
  const isOfSums = threshold !== undefined && threshold.at !== 'entry'
  return free !== undefined || minimum !== undefined || isOfSums || how !== 'sum'
}

/** What is billed of the entries of one pool. */
export function billable(entries: readonly Entry[], rule: QuantityRule): Quantity {
  const trace: TraceStep[] = []
  const staged = (values: readonly Rational[], at: Stage): readonly Rational[] =>
    values.map((value) => rounded(incremented(reached(value, rule, at), rule, at), rule, at))
  const single = staged(
    entries.map(({ quantity }) => quantity),
    'entry',
  )
  const groups = [...Map.groupBy(entries.keys(), (index) => entries[index]!.usage.resource).values()]
  const resources = staged(
    groups.map((indices) =>
      aggregate(
        indices.map((index) => ({ ...entries[index]!, quantity: single[index]! })),
        rule.aggregate,
      ),
    ),
    'resource',
  )
  const whole = combined(resources, rule.aggregate)
  trace.push({
    rule: `${rule.aggregate}${saidOf(rule, 'entry')}${saidOf(rule, 'resource')}`,
    input: `${entries.length} entries of ${groups.length} resources`,
    output: exactText(whole),
  })
  return ofLine(whole, rule, trace)
}

/** Threshold, allowance, increment, rounding and minimum of a line. */
export function ofLine(whole: Rational, rule: QuantityRule, trace: TraceStep[] = []): Quantity {
  let value = whole
  const step = (name: string, next: Rational): void => {
    trace.push({ rule: name, input: exactText(value), output: exactText(next) })
    value = next
  }
  const { threshold, free, increment, rounding, minimum } = rule
  const freely = (): void => {
    if (free !== undefined)
      step(`free ${exactText(free.quantity)} ${free.stage}`, atLeast(subtract(value, free.quantity), ZERO))
  }
  if (threshold?.at === 'line') step(thresholdName(rule), reached(value, rule, 'line'))
  if (free?.stage === 'before-rounding') freely()
  if (increment?.at === 'line') step(incrementName(rule), incremented(value, rule, 'line'))
  if (rounding?.at === 'line')
    step(`quantity ${rounding.mode} ${rounding.scale}`, rounded(value, rule, 'line'))
  if (free?.stage === 'after-rounding') freely()
  if (minimum !== undefined && compare(value, minimum) < 0) step(`at least ${exactText(minimum)}`, minimum)
  return { value, trace }
}

function reached(value: Rational, { threshold }: QuantityRule, at: Stage): Rational {
  if (threshold?.at !== at || value.n <= 0n) return value
  return compare(value, threshold.quantity) < 0 ? ZERO : value
}

function incremented(value: Rational, { increment }: QuantityRule, at: Stage): Rational {
  if (increment?.at !== at || value.n <= 0n) return value
  const steps = divide(value, increment.size)
  return atLeast(multiply(rational(ceiling(steps.n, steps.d)), increment.size), increment.minimum)
}

function rounded(value: Rational, { rounding }: QuantityRule, at: Stage): Rational {
  if (rounding?.at !== at) return value
  const power = powerOfTen(rounding.scale)
  return rational(ROUNDINGS[rounding.mode](value.n * power, value.d), power)
}

function aggregate(entries: readonly Entry[], how: Aggregate): Rational {
  if (how === 'last')
    return entries.toSorted((a, b) => a.usage.period.to - b.usage.period.to).at(-1)!.quantity
  return combined(
    entries.map(({ quantity }) => quantity),
    how === 'count' ? 'sum' : how,
  )
}

/** The largest of all, how many, or the sum; of what is last, each resource has its own. */
function combined(values: readonly Rational[], how: Aggregate): Rational {
  if (how === 'count') return rational(BigInt(values.filter(({ n }) => n > 0n).length))
  const [first = ZERO, ...rest] = values
  return rest.reduce((all, value) => (how === 'maximum' ? atLeast(all, value) : add(all, value)), first)
}

function atLeast(value: Rational, least: Rational): Rational {
  return compare(value, least) < 0 ? least : value
}

function saidOf(rule: QuantityRule, at: Stage): string {
  const { threshold, increment, rounding } = rule
  return [
    threshold?.at === at ? `, ${thresholdName(rule)} per ${at}` : '',
    increment?.at === at ? `, ${incrementName(rule)} per ${at}` : '',
    rounding?.at === at ? `, ${rounding.mode} ${rounding.scale} per ${at}` : '',
  ].join('')
}

function thresholdName({ threshold }: QuantityRule): string {
  return threshold === undefined ? '' : `threshold ${exactText(threshold.quantity)}${threshold.origin}`
}

function incrementName({ increment }: QuantityRule): string {
  return increment === undefined
    ? ''
    : `increment ${exactText(increment.size)}, at least ${exactText(increment.minimum)}${increment.origin}`
}

/** A quantity as a fraction, where the text of the line does not say all of it; else empty. */
export function exactQuantityText(value: Rational): string {
  const text = exactText(value)
  return text.includes('/') ? text : ''
}

/** A quantity from the texts of a line; none where both are empty. Fault: DECIMAL_INVALID. */
export function readQuantity(text: string, exact: string): Result<Rational | undefined> {
  if (exact !== '') return parseFraction(exact)
  return text === '' ? ok(undefined) : parseDecimal(text)
}

/** A quantity as a line shows it: exact where it ends, else with twelve decimals. */
export function quantityText(value: Rational): string {
  const text = exactText(value)
  return text.includes('/') ? formatDecimal(value, 12, ROUNDINGS['half-even']) : text
}
