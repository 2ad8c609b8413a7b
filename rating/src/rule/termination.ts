import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { nextPeriod } from '@vouch/proto/kernel/next-period.ts'
import { formatInstant, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, divide, multiply, rational, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { FeeRule } from './fee.ts'
import { lineOf } from './lines.ts'
import type { Outcome, Scope, Terms } from './types.ts'

/** What is due where a contract ends before the term that was agreed. */
export interface TerminationRule {
  readonly kind: 'termination'
  readonly id: string
  readonly name: string
  readonly due: TerminationDue
}

/**
 * How much that is:
 *
 * - `fixed`: the same whenever it ends.
 * - `steps`: by the months of the term that have passed, each step from its month on.
 * - `remaining`: a share of what fees would come to from the end of the contract to that of the term.
 */
export type TerminationDue =
  | { readonly basis: 'fixed'; readonly amount: Rational }
  | {
      readonly basis: 'steps'
      /** Ascending, the first from month 0. */
      readonly steps: readonly { readonly months: number; readonly amount: Rational }[]
    }
  | {
      readonly basis: 'remaining'
      /** From 0 to 100. */
      readonly percent: Rational
      /** As the contract states them, not cut to the stretch. */
      readonly fees: readonly FeeRule[]
    }

/** Most periods that a fee is reckoned for ahead: a hundred years of months. */
const PERIODS_MAX = 1200

interface Reckoned {
  readonly amount: Rational
  readonly trace: readonly TraceStep[]
}

/**
 * The fee where the contract ends with this document before its term; nothing otherwise. Fault: OUT_OF_RANGE where more periods
 * remain than can be reckoned.
 */
export function applyTermination({ id, name, due }: TerminationRule, { terms }: Scope): Result<Outcome> {
  const { term, inForce } = terms
  if (term === undefined) return ok({ lines: [] })
  const reckoned = reckon(due, term, terms)
  if (!reckoned.ok) return reckoned
  const { amount: exact, trace } = reckoned.value
  const steps = [
    {
      rule: 'term',
      input: `${formatInstant(term.from)}/${formatInstant(term.to)}`,
      output: `ends early at ${formatInstant(inForce.to)}`,
    },
    ...trace,
  ]
  const draft = { rule: id, kind: 'termination', pool: '', name, period: inForce } as const
  return ok({
    lines: [lineOf({ ...draft, quantity: undefined, unit: undefined, exact, trace: steps }, terms)],
  })
}

function reckon(due: TerminationDue, term: Period, terms: Terms): Result<Reckoned> {
  switch (due.basis) {
    case 'fixed':
      return ok({
        amount: due.amount,
        trace: [{ rule: 'termination fixed', input: '', output: exactText(due.amount) }],
      })
    case 'steps':
      return ok(byMonths(due.steps, term, terms))
    case 'remaining':
      return ofRemaining(due, term, terms)
    default:
      throw new Error(`not a fee: ${JSON.stringify(due satisfies never)}`)
  }
}

function byMonths(
  steps: readonly { readonly months: number; readonly amount: Rational }[],
  term: Period,
  { zone, inForce }: Terms,
): Reckoned {
  const from = Temporal.Instant.fromEpochMilliseconds(term.from).toZonedDateTimeISO(zone)
  const step = steps.findLast(({ months }) => from.add({ months }).epochMilliseconds <= inForce.to)
  const { months, amount } = step ?? { months: 0, amount: ZERO }
  const trace = { rule: 'termination steps', input: `from month ${months} on`, output: exactText(amount) }
  return { amount, trace: [trace] }
}

function ofRemaining(
  { percent, fees }: { readonly percent: Rational; readonly fees: readonly FeeRule[] },
  term: Period,
  terms: Terms,
): Result<Reckoned> {
  const trace: TraceStep[] = []
  let sum = ZERO
  for (const fee of fees) {
    const periods = remainingPeriods(fee, term, terms)
    if (!periods.ok) return periods
    const whole = multiply(fee.amount, fee.quantity)
    const amount = multiply(whole, periods.value)
    trace.push({
      rule: `remaining ${fee.id}`,
      input: `${exactText(whole)} × ${exactText(periods.value)} periods to ${formatInstant(term.to)}`,
      output: exactText(amount),
    })
    sum = add(sum, amount)
  }
  const amount = divide(multiply(sum, percent), rational(100n))
  const share = {
    rule: 'termination remaining',
    input: `${exactText(percent)} % of ${exactText(sum)}`,
    output: exactText(amount),
  }
  return ok({ amount, trace: [...trace, share] })
}

/** How many periods of a fee, with fractions by its proration, lie between the end of the contract and that of the term. */
function remainingPeriods(fee: FeeRule, term: Period, terms: Terms): Result<Rational> {
  let [sum, period] = [ZERO, fee.timing === 'advance' ? terms.period : fee.period]
  for (let count = 0; period.from < term.to; count += 1) {
    if (count === PERIODS_MAX)
      return fail('OUT_OF_RANGE', `more than ${PERIODS_MAX} periods remain to ${formatInstant(term.to)}`)
    // What is due up to the one end beyond what is due up to the other: both together make the whole.
    const after = dueUpTo(term.to, fee, period, terms)
    sum = add(sum, subtract(after, dueUpTo(terms.inForce.to, fee, period, terms)))
    period = nextPeriod(period, terms.zone)
  }
  return ok(sum)
}

/** The share of a fee that is due of one of its periods up to an instant. */
function dueUpTo(toMs: number, { effective, proration }: FeeRule, period: Period, terms: Terms): Rational {
  const within = effective === undefined ? period : intersect(effective, period)
  const part =
    within !== undefined && within.from < toMs
      ? intersect(within, { from: within.from, to: toMs })
      : undefined
  return part === undefined ? ZERO : prorate(part, period, proration, terms).fraction
}
