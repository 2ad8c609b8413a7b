import { collect as collectResults, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, isZero, sign, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import type { WindowName } from '@vouch/proto/kernel/window.ts'
import { priceOf, unitPriceOf } from '../tariff/model.ts'
import type { Grain } from '@vouch/proto/kernel/calendar-steps.ts'
import type { Model } from '../tariff/model.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { beforeOf } from './before.ts'
import { estimateLines, takesEstimate } from './estimate.ts'
import type { EstimateRule } from './estimate.ts'
import { averageLevels } from './level.ts'
import { lineOf } from './lines.ts'
import type { Draft } from './lines.ts'
import { converted, itemsOf, piecesOf, sourcesOf, statedSteps, usedParts } from './pieces.ts'
import type { Piece, Pool, PriceChoice } from './pieces.ts'
import { policySteps } from './policy-steps.ts'
import { beginsAnew, billable } from './quantity.ts'
import type { QuantityRule } from './quantity.ts'
import { selects } from './select.ts'
import type { Selector } from './select.ts'
import { partsOf, wholeFor } from './whole.ts'
import type { Billed, LevelChange, Line, LineKind, Outcome, Scope, Usage } from './types.ts'

/**
 * What happens to usage of an earlier period that became known since: billed with this period as if it were its own, as a correction of
 * its own period and at the price that it would have had there, or not at all, and reported.
 */
export type LateUsage = 'this-period' | 'own-period' | 'rejected'

/** A price for usage. */
export interface UsageRule {
  readonly kind: 'usage'
  readonly id: string
  readonly name: string
  readonly select: Selector
  readonly unit: UnitId
  readonly per: Pool
  readonly quantity: QuantityRule
  readonly price: PriceChoice
  readonly late: LateUsage
  /** How what nobody measured is estimated, on lines of its own; undefined = it is not. */
  readonly estimate: EstimateRule | undefined
  /** Share of the time that readings must cover, or its lines are held for review; undefined = any will do. */
  readonly reviewBelow: Rational | undefined
  /** When it is in force; undefined = always. */
  readonly effective: Period | undefined
  /** Cuts entries at every local hour or day. */
  readonly grain: Grain | undefined
  /** Where levels are priced, not usage: their average over the period, by this basis. */
  readonly level: ProrationBasis | undefined
  /** The rules whose quantities this one continues, so that tiers do not begin again. */
  readonly continues: readonly string[]
  /** Over what its tiers count; undefined = the period of the document. */
  readonly window: WindowName | undefined
}

/** Prices usage. Faults: UNIT_MISMATCH, OUT_OF_RANGE, TARIFF_INVALID. */
export function applyUsage(rule: UsageRule, scope: Scope): Result<Outcome> {
  const { terms } = scope
  const { selected, changes } = selectedBy(rule, scope)
  const isLate = ({ period }: Usage): boolean => period.to <= terms.period.from
  const taken = selected.filter((usage) =>
    isLate(usage)
      ? rule.late !== 'rejected' && usage.estimated === undefined
      : takesEstimate(rule.estimate, usage),
  )
  const whole = wholeFor(rule, taken, terms.zone)
  if (!whole.ok) return whole
  const cut = collectResults(whole.value.map((usage) => piecesOf(rule, usage, scope)))
  if (!cut.ok) return cut
  const pieces = cut.value.flat()
  if (rule.late === 'this-period' && beginsAnew(rule.quantity) && pieces.some(({ usage }) => isLate(usage)))
    return fail(
      'TARIFF_INVALID',
      `rule ${rule.id}: free, minimum and aggregates but the sum do not go on over late usage; late must be own-period or rejected`,
    )
  const { late = [], own = [] } = Object.groupBy(pieces, ({ usage }) => (isLate(usage) ? 'late' : 'own'))
  const current = currentLines(rule, own, scope)
  if (!current.ok) return current
  // What is late goes on where this period's own usage, measured or estimated, has left the tiers.
  const belated = lateLines(rule, late, { ...scope, lines: [...scope.lines, ...current.value] })
  if (!belated.ok) return belated
  const lines = [...belated.value, ...current.value]
  const priced = whole.value.flatMap((usage, index) =>
    cut.value[index]!.flatMap((piece) => pricedParts(usage, piece.usage.period)),
  )
  return ok({ lines, priced, pricedChanges: changes })
}

/** Lines for the document's own period: what was measured, then what is estimated. */
function currentLines(rule: UsageRule, pieces: readonly Piece[], scope: Scope): Result<Line[]> {
  const place = { period: scope.terms.period, kind: 'usage' } as const
  const { measured = [], estimated = [] } = Object.groupBy(pieces, ({ usage }) =>
    usage.estimated === undefined ? 'measured' : 'estimated',
  )
  const lines = priceAll(rule, measured, place, scope)
  if (!lines.ok) return lines
  const estimates = estimateLines(
    measured,
    estimated,
    (pool) => priceOrNothing(rule, pool, place, scope),
    scope.terms,
  )
  return estimates.ok ? ok([...lines.value, ...estimates.value]) : estimates
}

/** Lines for usage of earlier periods; `scope` has the lines of this one. */
function lateLines(rule: UsageRule, pieces: readonly Piece[], scope: Scope): Result<Line[]> {
  const byPeriod = Map.groupBy(pieces, ({ usage }) =>
    rule.late === 'own-period' ? nameOf(ownPeriod(rule, usage, scope)) : '',
  )
  const lines = collectResults(
    [...byPeriod.values()].map((own) => {
      const isOwn = rule.late === 'own-period'
      const period = isOwn ? ownPeriod(rule, own[0]!.usage, scope) : scope.terms.period
      return priceAll(rule, own, { period, kind: 'late-usage' }, scope)
    }),
  )
  return lines.ok ? ok(lines.value.flat()) : lines
}

/** What of the usage as it was measured lies in a period that has a price. */
function pricedParts(usage: Usage, priced: Period): { readonly usage: Usage; readonly period: Period }[] {
  return partsOf(usage).flatMap((part) => {
    const period = intersect(part.period, priced)
    return period === undefined ? [] : [{ usage: part, period }]
  })
}

/** The usage that a rule is about; where it is about levels, what their changes come to. */
function selectedBy(
  { select, level, effective, unit }: UsageRule,
  { terms, facts }: Scope,
): { readonly selected: readonly Usage[]; readonly changes: readonly LevelChange[] } {
  if (level === undefined)
    return { selected: facts.usage.filter((usage) => selects(select, usage)), changes: [] }
  const part = effective === undefined ? terms.period : intersect(effective, terms.period)
  if (part === undefined) return { selected: [], changes: [] }
  const changes = facts.changes.filter((change) => selects(select, change) && change.atMs < part.to)
  const how = { basis: level, zone: terms.zone }
  return { selected: averageLevels(changes, part, terms.period, unit, how), changes }
}

/** The period of which late usage is a part: that of the document which billed it, or its own. */
function ownPeriod(rule: UsageRule, { period }: Usage, { facts }: Scope): Period {
  const billed = facts.billed.find(
    (each) => each.rule === rule.id && each.period.from <= period.from && period.to <= each.period.to,
  )
  return billed?.period ?? period
}

function nameOf({ from, to }: Period): string {
  return `${from} ${to}`
}

/** A line for each pool; one of nothing where that has a price. */
function priceAll(
  rule: UsageRule,
  pieces: readonly Piece[],
  place: Omit<Place, 'pool'>,
  scope: Scope,
): Result<Line[]> {
  const pools = Map.groupBy(pieces, ({ key }) => key)
  if (pools.size === 0 && place.kind === 'usage' && pricesNothing(rule, place.period)) pools.set('', [])
  const priced = collectResults(
    [...pools.values()].map((own) => priceLine(rule, own, { ...place, pool: own[0]?.pool ?? '' }, scope)),
  )
  return priced.ok ? ok(priced.value.filter((line) => pieces.length > 0 || !isZero(line.exact))) : priced
}

/** Whether a rule has a price where nothing was used: one for the whole contract. */
function pricesNothing({ per, price, effective }: UsageRule, period: Period): boolean {
  const isInForce = effective === undefined || intersect(effective, period) !== undefined
  return per === 'contract' && price.by === 'nothing' && isInForce
}

/** What pieces of one pool come to; undefined where there are none, and nothing has no price. */
function priceOrNothing(
  rule: UsageRule,
  pieces: readonly Piece[],
  place: Omit<Place, 'pool'>,
  scope: Scope,
): Result<Draft | undefined> {
  if (pieces.length === 0 && !pricesNothing(rule, place.period)) return ok(undefined)
  return draftLine(rule, pieces, { ...place, pool: pieces[0]?.pool ?? '' }, scope)
}

interface Place {
  readonly pool: string
  readonly period: Period
  readonly kind: LineKind
}

function priceLine(rule: UsageRule, pieces: readonly Piece[], place: Place, scope: Scope): Result<Line> {
  const draft = draftLine(rule, pieces, place, scope)
  return draft.ok ? ok(lineOf(draft.value, scope.terms)) : draft
}

function draftLine(
  rule: UsageRule,
  pieces: readonly Piece[],
  { pool, period, kind }: Place,
  scope: Scope,
): Result<Draft> {
  const model = pieces[0]?.model ?? (rule.price.by === 'nothing' ? rule.price.model : undefined)
  if (model === undefined) throw new Error(`rule ${rule.id} has no price for ${pool}`)
  const { value, trace } = billable(pieces, rule.quantity)
  const isCorrection = kind === 'late-usage' && rule.late === 'own-period'
  if (isCorrection && pieces.some(({ usage }) => usage.chosenBy !== undefined))
    return fail('TARIFF_INVALID', `rule ${rule.id}: what chose the tier of late usage before is not known`)
  const earlier = isCorrection ? ok(undefined) : beforeOf(rule, { pool, kind }, scope)
  if (!earlier.ok) return earlier
  const before = earlier.value
  const whole = before === undefined ? value : add(value, before)
  // Per cent of what is given back is given back, and so is a price by the unit.
  if (sign(whole) < 0 && model.model !== 'per-unit' && model.model !== 'percentage')
    return fail('OUT_OF_RANGE', `rule ${rule.id}: ${model.model} has no price for a quantity below zero`)
  const amounts = pieces.flatMap((piece) => itemsOf(piece, rule))
  const chosen = pieces.map(({ usage, quantity }) => usage.chosenBy ?? quantity)
  const priced = priceOf(model, {
    quantity: value,
    items: amounts,
    before,
    chosenBy: pieces.some(({ usage }) => usage.chosenBy !== undefined)
      ? chosen.reduce((sum, quantity) => add(sum, quantity), ZERO)
      : undefined,
  })
  const sources = sourcesOf(pieces)
  const draft = {
    rule: rule.id,
    kind,
    pool,
    name: rule.name,
    period,
    quantity: value,
    unit: rule.quantity.aggregate === 'count' ? '1' : rule.unit,
    unitPrice: unitPriceOf(model),
    sources,
    used: scope.isTimed ? usedParts(pieces, rule, period) : undefined,
    exact: priced.amount,
    trace: [
      ...converted(rule, pieces),
      ...policySteps(rule, { pieces, sources, kind, pool }, scope.facts.usage),
      ...statedSteps(rule, pieces),
      ...trace,
      ...priced.trace,
    ],
  }
  return ok(isCorrection ? correction(draft, rule, model, scope) : draft)
}

/** What the whole of an earlier period costs less what was billed of it. */
function correction(draft: Draft, rule: UsageRule, model: Model, scope: Scope): Draft {
  const billed = billedOf(rule.id, draft.pool, scope).filter(
    ({ period }) => period.from === draft.period.from && period.to === draft.period.to,
  )
  const quantity = totalOf(billed)
  const quantityNow = draft.quantity ?? ZERO
  const amount =
    billed.length === 0 ? ZERO : priceOf(model, { quantity, items: [quantity], before: undefined }).amount
  const step: TraceStep = {
    rule: 'late usage own-period',
    input: `${exactText(quantityNow)} known now - ${exactText(quantity)} billed`,
    output: exactText(subtract(quantityNow, quantity)),
  }
  return {
    ...draft,
    quantity: subtract(quantityNow, quantity),
    exact: subtract(draft.exact, amount),
    trace: [...draft.trace, step],
  }
}

function billedOf(rule: string, pool: string, { facts }: Scope): readonly Billed[] {
  return facts.billed.filter(
    (billed) => billed.rule === rule && billed.pool === pool && billed.quantity !== undefined,
  )
}

function totalOf(billed: readonly Billed[]): Rational {
  return billed.reduce((sum, { quantity }) => add(sum, quantity ?? ZERO), ZERO)
}
