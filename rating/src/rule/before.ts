import { collect, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ZERO, add, multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import type { Billed, Line, LineKind, Scope } from './types.ts'
import type { UsageRule } from './usage.ts'
import { earlierIn, windowOf } from './window.ts'

/**
 * What was billed in the same window before: by an earlier document, by the rule that this one continues, and by this one; undefined =
 * nothing was. Faults: UNIT_MISMATCH where a rule counted in another kind of unit before, those of a window.
 */
export function beforeOf(
  rule: UsageRule,
  { pool, kind }: { readonly pool: string; readonly kind: LineKind },
  scope: Scope,
): Result<Rational | undefined> {
  const billed = billedBy(rule, [rule.id, ...rule.continues], scope)
  if (!billed.ok) return billed
  const quantities = collect(
    billed.value
      .filter((each) => each.pool === pool && each.quantity !== undefined)
      .map((each) => quantityIn(rule.unit, each)),
  )
  if (!quantities.ok) return quantities
  // Most rules continue nothing, and there may be very many lines.
  const continued =
    kind === 'usage' && rule.continues.length === 0
      ? []
      : scope.lines.filter(
          (line) =>
            line.pool === pool &&
            ((isOfPeriod(line) && rule.continues.includes(line.rule)) ||
              (kind === 'late-usage' && line.rule === rule.id)),
        )
  if (quantities.value.length === 0 && continued.length === 0) return ok(undefined)
  const parts = [...quantities.value, ...continued.map(({ quantity }) => quantity ?? ZERO)]
  return ok(parts.reduce((sum, quantity) => add(sum, quantity), ZERO))
}

/** Usage of the document's period, measured or estimated. */
function isOfPeriod({ kind }: Line): boolean {
  return kind === 'usage' || kind === 'estimate'
}

function billedBy(
  { window: name }: UsageRule,
  rules: readonly string[],
  scope: Scope,
): Result<readonly Billed[]> {
  const { terms, facts } = scope
  if (name === undefined) {
    const { from, to } = terms.period
    return ok(
      facts.billed.filter(({ rule, period }) => rules.includes(rule) && period.from < to && from < period.to),
    )
  }
  const window = windowOf(name, undefined, terms)
  if (!window.ok) return window
  return ok(window.value === undefined ? [] : earlierIn(window.value, rules, scope))
}

/** What was billed, in the unit in which the rule counts now. */
function quantityIn(unit: UnitId, { quantity = ZERO, unit: billed = unit }: Billed): Result<Rational> {
  if (billed === unit) return ok(quantity)
  const factor = conversion(billed, unit)
  return factor.ok ? ok(multiply(quantity, factor.value)) : factor
}
