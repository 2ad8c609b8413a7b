import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { windowAt } from '@vouch/proto/kernel/window.ts'
import type { WindowName } from '@vouch/proto/kernel/window.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { Billed, Scope, Terms } from './types.ts'

/** What a rule counts over, where that is longer than the document. */
export interface Window {
  /** What the rule's amount is for. */
  readonly whole: Period
  /** The part of it that is under contract and in which the rule is in force. */
  readonly part: Period
  /** Whether no later document falls into that part. */
  readonly isOver: boolean
  readonly trace: TraceStep
}

/**
 * The window of a document, for a rule that is in force for a part of the time; undefined where that part does not meet the document.
 * Fault: TARIFF_INVALID where the document reaches beyond the window, or the contract is not known whose years count.
 */
export function windowOf(
  name: WindowName,
  effective: Period | undefined,
  terms: Terms,
): Result<Window | undefined> {
  const { inForce, contract, zone } = terms
  if (contract === undefined && name === 'contract-year')
    return fail('TARIFF_INVALID', 'years of a contract need its start')
  const whole = windowAt(name, inForce.from, { zone, contractFromMs: contract?.from ?? inForce.from })
  if (inForce.to > whole.to)
    return fail(
      'TARIFF_INVALID',
      `the document reaches beyond the ${name} that ends at ${formatInstant(whole.to)}: rate each by itself`,
    )
  const agreed = intersect(whole, contract ?? whole)
  const part = agreed === undefined ? undefined : intersect(agreed, effective ?? agreed)
  if (part === undefined || intersect(part, inForce) === undefined) return ok(undefined)
  const isOver = part.to <= inForce.to
  const trace = {
    rule: `window ${name}`,
    input: `${formatInstant(part.from)}/${formatInstant(part.to)} of ${formatInstant(whole.from)}/${formatInstant(whole.to)}`,
    output: isOver ? 'ends with this document' : 'goes on',
  }
  return ok({ whole, part, isOver, trace })
}

/** What earlier documents billed in the window by some rules. */
export function earlierIn({ part }: Window, rules: readonly string[], { facts }: Scope): readonly Billed[] {
  const wanted = new Set(rules)
  return facts.earlier.filter(({ rule, period }) => wanted.has(rule) && intersect(period, part) !== undefined)
}
