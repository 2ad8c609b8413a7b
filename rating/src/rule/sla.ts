import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ZERO, compare, divide, multiply, negate, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { exactText } from '../tariff/trace.ts'
import { lineOf, linesOf, sumOf } from './lines.ts'
import type { Outcome, Scope } from './types.ts'

/** A share of the fee that is given back where availability was below a bound. */
export interface SlaBand {
  /** Per cent of the expected time; at the bound exactly nothing is due. */
  readonly below: Rational
  /** Per cent of the lines. */
  readonly credit: Rational
}

/** A credit for a service that was not there. */
export interface SlaRule {
  readonly kind: 'sla-credit'
  readonly id: string
  readonly name: string
  readonly of: readonly string[] | undefined
  readonly service: string
  /** In descending order of the bounds: the last one that holds counts. */
  readonly bands: readonly SlaBand[]
  /** A smaller credit, or one of just so much, is not given. */
  readonly minimum: Rational
}

const HUNDRED = rational(100n)

/** Gives back a share of lines by the availability of their service, never more than is due after other reductions. Faults: USAGE_INCOMPLETE. */
export function applySla(rule: SlaRule, scope: Scope): Result<Outcome> {
  const { terms, facts } = scope
  const measured = facts.availability.find(({ service }) => service === rule.service)
  if (measured === undefined)
    return fail('USAGE_INCOMPLETE', `rule ${rule.id}: the availability of ${rule.service} is not given`)
  const available = multiply(divide(measured.available, measured.expected), HUNDRED)
  const band = rule.bands.findLast(({ below }) => compare(available, below) < 0)
  if (band === undefined) return ok({ lines: [] })
  const base = sumOf(linesOf(scope, rule.of), terms)
  const share = multiply(base, divide(band.credit, HUNDRED))
  const due = sumOf(scope.lines, terms)
  const isCapped = compare(share, due) > 0
  const credit = isCapped ? due : share
  if (compare(credit, rule.minimum) <= 0 || compare(credit, ZERO) <= 0) return ok({ lines: [] })
  const trace = [
    {
      rule: `availability of ${rule.service}, per cent`,
      input: `${exactText(measured.available)} / ${exactText(measured.expected)}`,
      output: exactText(available),
    },
    {
      rule: `credit below ${exactText(band.below)} per cent`,
      input: `${exactText(base)} × ${exactText(band.credit)} per cent`,
      output: exactText(share),
    },
    ...(isCapped
      ? [{ rule: 'no more than is due', input: exactText(share), output: exactText(credit) }]
      : []),
  ]
  const { id, name } = rule
  const draft = { rule: id, kind: 'sla-credit', pool: '', name, period: terms.period } as const
  const exact = negate(credit)
  return ok({ lines: [lineOf({ ...draft, quantity: undefined, unit: undefined, exact, trace }, terms)] })
}
