import { periodAt, startsOf } from '@vouch/proto/kernel/next-period.ts'
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

interface Reckoned {
  readonly amount: Rational
  readonly trace: readonly TraceStep[]
}

/** The fee where the contract ends with this document before its term; nothing otherwise. */
export function applyTermination({ id, name, due }: TerminationRule, { terms }: Scope): Outcome {
  const { term, inForce } = terms
  if (term === undefined) return { lines: [] }
  const { amount: exact, trace } = reckon(due, term, terms)
  const steps = [
    {
      rule: 'term',
      input: `${formatInstant(term.from)}/${formatInstant(term.to)}`,
      output: `ends early at ${formatInstant(inForce.to)}`,
    },
    ...trace,
  ]
  const draft = { rule: id, kind: 'termination', pool: '', name, period: inForce } as const
  return { lines: [lineOf({ ...draft, quantity: undefined, unit: undefined, exact, trace: steps }, terms)] }
}

function reckon(due: TerminationDue, term: Period, terms: Terms): Reckoned {
  switch (due.basis) {
    case 'fixed':
      return {
        amount: due.amount,
        trace: [{ rule: 'termination fixed', input: '', output: exactText(due.amount) }],
      }
    case 'steps':
      return byMonths(due.steps, term, terms)
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
): Reckoned {
  const trace: TraceStep[] = []
  let sum = ZERO
  for (const fee of fees) {
    const periods = remainingPeriods(fee, term, terms)
    const whole = multiply(fee.amount, fee.quantity)
    const amount = multiply(whole, periods)
    trace.push({
      rule: `remaining ${fee.id}`,
      input: `${exactText(whole)} × ${exactText(periods)} periods to ${formatInstant(term.to)}`,
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
  return { amount, trace: [...trace, share] }
}

/** How many periods of a fee, with fractions by its proration, lie between the end of the contract and that of the term. */
function remainingPeriods(fee: FeeRule, term: Period, terms: Terms): Rational {
  const { effective } = fee
  const start = startsOf(fee.timing === 'advance' ? terms.period : fee.period, terms.zone)
  const from = Math.max(terms.inForce.to, start(0), effective?.from ?? 0)
  const to = Math.min(term.to, effective?.to ?? term.to)
  if (from >= to) return ZERO
  const due = (count: number): Rational => {
    const period = { from: start(count), to: start(count + 1) }
    // What is due up to the one end beyond what is due up to the other: both together make the whole.
    return subtract(dueUpTo(term.to, fee, period, terms), dueUpTo(terms.inForce.to, fee, period, terms))
  }
  const [first, last] = [periodAt(from, start), periodAt(to, start)]
  if (first === last) return due(first)
  const between = rational(BigInt(last - first - 1))
  return add(add(due(first), between), due(last))
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
