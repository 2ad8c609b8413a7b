import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import { durationMs, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import {
  ONE,
  ZERO,
  add,
  compare,
  divide,
  isZero,
  multiply,
  rational,
  subtract,
} from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { WindowName } from '@vouch/proto/kernel/window.ts'
import { prorate } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { lineOf, linesOf, sumOf, valueOf } from './lines.ts'
import type { Billed, Line, LineKind, Outcome, Scope, UsedPart } from './types.ts'
import { earlierIn, windowOf } from './window.ts'
import type { Window } from './window.ts'

interface SpendRule {
  readonly id: string
  readonly name: string
  /** Rules whose lines count; undefined = all before this one. Where it counts over a window, they are named. */
  readonly of: readonly string[] | undefined
  /** For a whole period of the document, or for a whole window. */
  readonly amount: Rational
  readonly proration: ProrationBasis
  /** When it is in force; undefined = the whole period, or the whole window. */
  readonly effective: Period | undefined
  /** Over what it counts; undefined = the period of the document. */
  readonly window: WindowName | undefined
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
  /** Whether what is missing is billed: with this document, or with the one that ends the window. */
  readonly trueUp: boolean
}

/** What was spent, and what it is held to. */
interface Spend {
  readonly bound: Rational
  readonly spent: Rational
  /** Whether no later document counts for it. */
  readonly isOver: boolean
  readonly trace: readonly TraceStep[]
}

/** What is due of a rule in all, with the kind of the line. */
interface Due {
  readonly kind: LineKind
  readonly exact: Rational
  readonly trace: readonly TraceStep[]
}

/** Whether a rule bounds what is spent. */
export function isSpend<R extends { readonly kind: string }>(
  rule: R,
): rule is Extract<R, { readonly kind: 'minimum' | 'maximum' | 'commitment' }> {
  return rule.kind === 'minimum' || rule.kind === 'maximum' || rule.kind === 'commitment'
}

/** The line that lifts the lines to their minimum, or lowers them to their maximum. Faults: those of a window. */
export function applyBound(rule: BoundRule, scope: Scope): Result<Outcome> {
  return applySpend(rule, scope, ({ bound, spent, isOver, trace }) => {
    const order = compare(spent, bound)
    const isDue = rule.kind === 'minimum' ? isOver && order < 0 : order > 0
    return { kind: rule.kind, exact: isDue ? subtract(bound, spent) : ZERO, trace }
  })
}

/** The true-up of a commitment that was not used, or the surcharge on what is beyond it. Faults: those of a window. */
export function applyCommitment(rule: CommitmentRule, scope: Scope): Result<Outcome> {
  return applySpend(rule, scope, ({ bound, spent, isOver, trace }) => {
    if (compare(spent, bound) < 0) {
      const isDue = isOver && rule.trueUp
      return isDue
        ? { kind: 'true-up', exact: subtract(bound, spent), trace }
        : { kind: 'overage', exact: ZERO, trace }
    }
    const beyond = subtract(spent, bound)
    const exact = multiply(beyond, subtract(rule.overageFactor, { n: 1n, d: 1n }))
    const surcharge: TraceStep = {
      rule: `overage factor ${exactText(rule.overageFactor)}`,
      input: `${exactText(beyond)} beyond the commitment`,
      output: exactText(exact),
    }
    return { kind: 'overage', exact, trace: [...trace, surcharge] }
  })
}

function applySpend(
  rule: BoundRule | CommitmentRule,
  scope: Scope,
  dueOf: (spend: Spend) => Due,
): Result<Outcome> {
  const { terms } = scope
  if (rule.window !== undefined) return applyOverWindow(rule, rule.window, scope, dueOf)
  const part = rule.effective === undefined ? terms.period : intersect(rule.effective, terms.period)
  if (part === undefined) return ok({ lines: [] })
  const billed = scope.facts.billed.filter(
    ({ rule: of, period }) => of === rule.id && intersect(period, terms.period) !== undefined,
  )
  const spend = spendOf(rule, { part, whole: terms.period, isOver: true }, billed, scope)
  return ok(outcomeOf(rule, part, dueOf(spend), scope))
}

/**
 * What is due of the window as it is known so far, less what the rule itself has billed of it before: so what a document adds is billed
 * once, and documents together come to what one over the whole window does.
 */
function applyOverWindow(
  rule: BoundRule | CommitmentRule,
  name: WindowName,
  scope: Scope,
  dueOf: (spend: Spend) => Due,
): Result<Outcome> {
  const window = windowOf(name, rule.effective, scope.terms)
  if (!window.ok) return window
  const part = window.value && intersect(window.value.part, scope.terms.inForce)
  if (window.value === undefined || part === undefined) return ok({ lines: [] })
  const before = earlierIn(window.value, rule.of ?? [], scope)
  const due = dueOf(spendOf(rule, window.value, before, scope))
  const own = amountOf(earlierIn(window.value, [rule.id], scope))
  const exact = subtract(due.exact, own)
  const step = {
    rule: 'less what this rule billed of the window before',
    input: `${exactText(due.exact)} - ${exactText(own)}`,
    output: exactText(exact),
  }
  const trace = [window.value.trace, ...due.trace, ...(isZero(own) ? [] : [step])]
  return ok(outcomeOf(rule, part, { ...due, exact, trace }, scope))
}

function spendOf(
  rule: BoundRule | CommitmentRule,
  { part, whole, isOver }: Pick<Window, 'part' | 'whole' | 'isOver'>,
  before: readonly Billed[],
  scope: Scope,
): Spend {
  const { terms } = scope
  const share = prorate(part, whole, rule.proration, terms)
  const bound = multiply(rule.amount, share.fraction)
  const { sum: lines, trace: counted } = spentOn(rule, part, scope)
  const billed = amountOf(before)
  const spent = add(lines, billed)
  const trace = [
    share.trace,
    {
      rule: rule.kind,
      input: `${exactText(rule.amount)} × ${exactText(share.fraction)}`,
      output: exactText(bound),
    },
    ...counted,
    {
      rule: 'lines, and billed before',
      input: `${exactText(lines)} + ${exactText(billed)}`,
      output: exactText(spent),
    },
  ]
  return { bound, spent, isOver, trace }
}

/** What counts of lines that were computed before: with its trace, where some of them count in part. */
function spentOn(
  rule: SpendRule,
  part: Period,
  scope: Scope,
): { readonly sum: Rational; readonly trace: readonly TraceStep[] } {
  const lines = linesOf(scope, rule.of)
  if (rule.effective === undefined) return { sum: sumOf(lines, scope.terms), trace: [] }
  const shares = lines.map((line) =>
    rule.window === undefined ? shareWithin(line, part, scope.terms.period) : touches(line.period, part),
  )
  const values = lines.map((line, index) => multiply(valueOf(line, scope.terms), shares[index]!))
  const sum = values.reduce(add, ZERO)
  const cut = shares.filter((share) => !isZero(share) && compare(share, ONE) !== 0)
  if (cut.length === 0) return { sum, trace: [] }
  const step = {
    rule: 'lines over an end count in part',
    input: `${cut.length} of ${lines.length} lines, ${exactText(sumOf(lines, scope.terms))} in all`,
    output: exactText(sum),
  }
  return { sum, trace: [step] }
}

/**
 * Which share of a line lies in a part of the document's period: of usage, as much as was used there, by time where that is nothing in all; of a fee, by time, and what
 * is for another time evenly over the document's. All else counts whole where it touches the part: what is late is of the period that it is billed with, what is
 * ranked has no time within its period, and over a window documents count whole.
 */
function shareWithin({ kind, period, used = [] }: Line, part: Period, document: Period): Rational {
  if (kind === 'fee') return feeWithin(period, part, document)
  if (kind === 'late-usage' || used.length === 0) return touches(period, part)
  const whole = sumBy(used, ({ quantity }) => quantity)
  if (!isZero(whole))
    return divide(
      sumBy(used, (piece) => quantityWithin(piece, part)),
      whole,
    )
  return divide(
    sumBy(used, (piece) => msWithin(piece.period, part)),
    sumBy(used, (piece) => msWithin(piece.period, piece.period)),
  )
}

function touches(period: Period, part: Period): Rational {
  return intersect(period, part) === undefined ? ZERO : ONE
}

function feeWithin(period: Period, part: Period, document: Period): Rational {
  const whole = msWithin(period, period)
  const elsewhere = subtract(whole, msWithin(period, document))
  const even = divide(msWithin(document, part), msWithin(document, document))
  return divide(add(msWithin(period, part), multiply(elsewhere, even)), whole)
}

function quantityWithin({ period, quantity }: UsedPart, part: Period): Rational {
  return multiply(quantity, divide(msWithin(period, part), msWithin(period, period)))
}

function msWithin(period: Period, part: Period): Rational {
  const common = intersect(period, part)
  return rational(BigInt(common === undefined ? 0 : durationMs(common)))
}

function sumBy<T>(items: readonly T[], value: (item: T) => Rational): Rational {
  return items.reduce<Rational>((sum, item) => add(sum, value(item)), ZERO)
}

function amountOf(billed: readonly Billed[]): Rational {
  return billed.reduce((sum, { amount }) => add(sum, amount ?? ZERO), ZERO)
}

/** A line of what is due; none of nothing. */
function outcomeOf(
  { id, name }: SpendRule,
  period: Period,
  { kind, exact, trace }: Due,
  { terms }: Scope,
): Outcome {
  if (isZero(exact)) return { lines: [] }
  const draft = { rule: id, kind, pool: '', name, period, quantity: undefined, unit: undefined }
  const last = { rule: 'difference', input: kind, output: exactText(exact) }
  return { lines: [lineOf({ ...draft, exact, trace: [...trace, last] }, terms)] }
}
