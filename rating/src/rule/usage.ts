import { collect as collectResults, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, isZero, sign, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { priceOf, unitPriceOf } from '../tariff/model.ts'
import type { Grain } from '../tariff/grain.ts'
import type { Model } from '../tariff/model.ts'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { averageLevels } from './level.ts'
import { lineOf } from './lines.ts'
import { piecesOf } from './pieces.ts'
import type { Piece, Pool, PriceChoice } from './pieces.ts'
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
}

/** Prices usage. Faults: UNIT_MISMATCH, OUT_OF_RANGE, TARIFF_INVALID. */
export function applyUsage(rule: UsageRule, scope: Scope): Result<Outcome> {
  const { terms } = scope
  const { selected, changes } = selectedBy(rule, scope)
  const isLate = ({ period }: Usage): boolean => period.to <= terms.period.from
  const taken = selected.filter((usage) => rule.late !== 'rejected' || !isLate(usage))
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
  const current = priceAll(
    rule,
    pieces.filter(({ usage }) => !isLate(usage)),
    { period: terms.period, kind: 'usage' },
    scope,
  )
  if (!current.ok) return current
  // What is late goes on where this period's own usage has left the tiers.
  const seen = { ...scope, lines: [...scope.lines, ...current.value] }
  const late = Map.groupBy(
    pieces.filter(({ usage }) => isLate(usage)),
    ({ usage }) => (rule.late === 'own-period' ? nameOf(ownPeriod(rule, usage, scope)) : ''),
  )
  const lateLines = collectResults(
    [...late.values()].map((own) => {
      const period = rule.late === 'own-period' ? ownPeriod(rule, own[0]!.usage, scope) : terms.period
      return priceAll(rule, own, { period, kind: 'late-usage' }, seen)
    }),
  )
  if (!lateLines.ok) return lateLines
  const lines = [...lateLines.value.flat(), ...current.value]
  const priced = whole.value.flatMap((usage, index) =>
    cut.value[index]!.flatMap((piece) => pricedParts(usage, piece.usage.period)),
  )
  return ok({ lines, priced, pricedChanges: changes })
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
  const isInForce = rule.effective === undefined || intersect(rule.effective, place.period) !== undefined
  const isWhole = rule.per === 'contract' && rule.price.by === 'nothing'
  if (pools.size === 0 && place.kind === 'usage' && isWhole && isInForce) pools.set('', [])
  const priced = collectResults(
    [...pools.values()].map((own) => priceLine(rule, own, { ...place, pool: own[0]?.pool ?? '' }, scope)),
  )
  return priced.ok ? ok(priced.value.filter((line) => pieces.length > 0 || !isZero(line.exact))) : priced
}

interface Place {
  readonly pool: string
  readonly period: Period
  readonly kind: LineKind
}

function priceLine(
  rule: UsageRule,
  pieces: readonly Piece[],
  { pool, period, kind }: Place,
  scope: Scope,
): Result<Line> {
  const model = pieces[0]?.model ?? (rule.price.by === 'nothing' ? rule.price.model : undefined)
  if (model === undefined) throw new Error(`rule ${rule.id} has no price for ${pool}`)
  const { value, trace } = billable(pieces, rule.quantity)
  const isCorrection = kind === 'late-usage' && rule.late === 'own-period'
  if (isCorrection && pieces.some(({ usage }) => usage.chosenBy !== undefined))
    return fail('TARIFF_INVALID', `rule ${rule.id}: what chose the tier of late usage before is not known`)
  const before = isCorrection ? undefined : beforeOf(rule, { pool, kind }, scope)
  const whole = before === undefined ? value : add(value, before)
  if (sign(whole) < 0 && model.model !== 'per-unit')
    return fail('OUT_OF_RANGE', `rule ${rule.id}: ${model.model} has no price for a quantity below zero`)
  const amounts = pieces.flatMap(({ usage, quantity }) => (usage.items.length > 0 ? usage.items : [quantity]))
  const chosen = pieces.map(({ usage, quantity }) => usage.chosenBy ?? quantity)
  const priced = priceOf(model, {
    quantity: value,
    items: amounts,
    before,
    chosenBy: pieces.some(({ usage }) => usage.chosenBy !== undefined)
      ? chosen.reduce((sum, quantity) => add(sum, quantity), ZERO)
      : undefined,
  })
  const draft = {
    rule: rule.id,
    kind,
    pool,
    name: rule.name,
    period,
    quantity: value,
    unit: rule.unit,
    unitPrice: unitPriceOf(model),
    sources: sourcesOf(pieces),
    exact: priced.amount,
    trace: [...converted(rule, pieces), ...trace, ...priced.trace],
  }
  return isCorrection ? correction(draft, rule, model, scope) : ok(lineOf(draft, scope.terms))
}

/** What the whole of an earlier period costs less what was billed of it. */
function correction(
  draft: Parameters<typeof lineOf>[0],
  rule: UsageRule,
  model: Model,
  scope: Scope,
): Result<Line> {
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
  return ok(
    lineOf(
      {
        ...draft,
        quantity: subtract(quantityNow, quantity),
        exact: subtract(draft.exact, amount),
        trace: [...draft.trace, step],
      },
      scope.terms,
    ),
  )
}

/** What was billed in the same window before: by an earlier document, by the rule that this one continues, and by this one. */
function beforeOf(
  rule: UsageRule,
  { pool, kind }: Pick<Place, 'pool' | 'kind'>,
  scope: Scope,
): Rational | undefined {
  const { from, to } = scope.terms.period
  const billed = [rule.id, ...rule.continues]
    .flatMap((id) => billedOf(id, pool, scope))
    .filter(({ period }) => period.from < to && from < period.to)
  // Most rules continue nothing, and there may be very many lines.
  const continued =
    kind === 'usage' && rule.continues.length === 0
      ? []
      : scope.lines.filter(
          (line) =>
            line.pool === pool &&
            ((line.kind === 'usage' && rule.continues.includes(line.rule)) ||
              (kind === 'late-usage' && line.rule === rule.id)),
        )
  if (billed.length === 0 && continued.length === 0) return undefined
  return continued.reduce((sum, { quantity }) => add(sum, quantity ?? ZERO), totalOf(billed))
}

function billedOf(rule: string, pool: string, { facts }: Scope): readonly Billed[] {
  return facts.billed.filter(
    (billed) => billed.rule === rule && billed.pool === pool && billed.quantity !== undefined,
  )
}

function totalOf(billed: readonly Billed[]): Rational {
  return billed.reduce((sum, { quantity }) => add(sum, quantity ?? ZERO), ZERO)
}

/** Places of the usage, as it was measured, that pieces are of. */
function sourcesOf(pieces: readonly Piece[]): number[] {
  const places = new Set(pieces.flatMap(({ usage }) => partsOf(usage).map(({ index }) => index)))
  return [...places].toSorted((a, b) => a - b)
}

function converted({ unit }: UsageRule, pieces: readonly Piece[]): TraceStep[] {
  const units = new Set(pieces.map(({ usage }) => usage.unit))
  return [...units]
    .filter((from) => from !== unit)
    .map((from) => {
      const factor = conversion(from, unit)
      return {
        rule: `${from} to ${unit}`,
        input: 'each entry',
        output: factor.ok ? `× ${exactText(factor.value)}` : '',
      }
    })
}
