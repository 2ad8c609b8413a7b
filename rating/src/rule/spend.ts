import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, compare, multiply, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { lineOf, linesOf, sumOf } from './lines.ts'
import type { Line, LineKind, Outcome, Scope } from './types.ts'

interface SpendRule {
  readonly id: string
  readonly name: string
  /** Rules whose lines count; undefined = all before this one. */
  readonly of: readonly string[] | undefined
  /** For a whole period of the document. */
  readonly amount: Rational
  readonly proration: ProrationBasis
  /** When it is in force; undefined = the whole period. */
  readonly effective: Period | undefined
}

/** At least, or at most, so much for lines of a window; what earlier documents of the window billed counts. */
export interface BoundRule extends SpendRule {
  readonly kind: 'minimum' | 'maximum'
}

/** A committed amount: what is missing is trued up, what is beyond costs more, by a factor. */
export interface CommitmentRule extends SpendRule {
  readonly kind: 'commitment'
  /** Of the price of what is beyond the commitment; 1 = the same, 1.5 = half as much again. */
  readonly overageFactor: Rational
  /** Whether what is missing is billed with this document, or a later one of the window. */
  readonly trueUp: boolean
}

/** The line that lifts the lines to their minimum, or lowers them to their maximum. */
export function applyBound(rule: BoundRule, scope: Scope): Outcome {
  const part = partOf(rule, scope)
  if (part === undefined) return { lines: [] }
  const { bound, spent, trace } = spendOf(rule, part, scope)
  const order = compare(spent, bound)
  if (rule.kind === 'minimum' ? order >= 0 : order <= 0) return { lines: [] }
  const exact = subtract(bound, spent)
  return { lines: [spendLine(rule, rule.kind, { period: part, exact, trace }, scope)] }
}

/** The true-up of a commitment that was not used, or the surcharge on what is beyond it. */
export function applyCommitment(rule: CommitmentRule, scope: Scope): Outcome {
  const part = partOf(rule, scope)
  if (part === undefined) return { lines: [] }
  const { bound, spent, trace } = spendOf(rule, part, scope)
  const order = compare(spent, bound)
  if (order < 0) {
    if (!rule.trueUp) return { lines: [] }
    return {
      lines: [spendLine(rule, 'true-up', { period: part, exact: subtract(bound, spent), trace }, scope)],
    }
  }
  const beyond = subtract(spent, bound)
  const exact = multiply(beyond, subtract(rule.overageFactor, { n: 1n, d: 1n }))
  if (exact.n === 0n) return { lines: [] }
  const surcharge: TraceStep = {
    rule: `overage factor ${exactText(rule.overageFactor)}`,
    input: `${exactText(beyond)} beyond the commitment`,
    output: exactText(exact),
  }
  return { lines: [spendLine(rule, 'overage', { period: part, exact, trace: [...trace, surcharge] }, scope)] }
}

/** When it is in force in this document; undefined = never. */
function partOf({ effective }: SpendRule, { terms }: Scope): Period | undefined {
  return effective === undefined ? terms.period : intersect(effective, terms.period)
}

function spendOf(
  rule: BoundRule | CommitmentRule,
  part: Period,
  scope: Scope,
): { readonly bound: Rational; readonly spent: Rational; readonly trace: readonly TraceStep[] } {
  const { terms, facts } = scope
  const share = prorate(part, terms.period, rule.proration, terms)
  const bound = multiply(rule.amount, share.fraction)
  const lines = sumOf(linesOf(scope, rule.of), terms)
  const billed = facts.billed
    .filter(({ rule: of, period }) => of === rule.id && intersect(period, terms.period) !== undefined)
    .reduce((sum, { amount }) => add(sum, amount ?? ZERO), ZERO)
  const spent = add(lines, billed)
  const trace = [
    share.trace,
    {
      rule: rule.kind,
      input: `${exactText(rule.amount)} × ${exactText(share.fraction)}`,
      output: exactText(bound),
    },
    {
      rule: 'lines, and billed before',
      input: `${exactText(lines)} + ${exactText(billed)}`,
      output: exactText(spent),
    },
  ]
  return { bound, spent, trace }
}

function spendLine(
  { id, name }: SpendRule,
  kind: LineKind,
  {
    period,
    exact,
    trace,
  }: { readonly period: Period; readonly exact: Rational; readonly trace: readonly TraceStep[] },
  { terms }: Scope,
): Line {
  const draft = { rule: id, kind, pool: '', name, period, quantity: undefined, unit: undefined }
  const last = { rule: 'difference', input: kind, output: exactText(exact) }
  return lineOf({ ...draft, exact, trace: [...trace, last] }, terms)
}
