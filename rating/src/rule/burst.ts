import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, compare, multiply, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import { priceOf, unitPriceOf } from '../tariff/model.ts'
import type { Model } from '../tariff/model.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { billablePercentile } from '../usage/percentile.ts'
import type { PercentileRule } from '../usage/percentile.ts'
import { duePart } from './due-part.ts'
import { lineOf } from './lines.ts'
import { ofLine } from './quantity.ts'
import type { QuantityRule } from './quantity.ts'
import { selects } from './select.ts'
import type { Selector } from './select.ts'
import type { Line, Outcome, Scope, Series } from './types.ts'

/** A percentile of slots, above a commitment: burstable or peak billing. */
export interface BurstRule {
  readonly kind: 'percentile'
  readonly id: string
  readonly name: string
  readonly select: Selector
  readonly per: 'contract' | 'resource'
  readonly percentile: PercentileRule
  /** Share of the time that readings must cover, or its lines are held for review; undefined = any will do. */
  readonly reviewBelow: Rational | undefined
  /** When the tariff is in force; undefined = the whole period. The price is for a whole period. */
  readonly effective: Period | undefined
  /** Of what is billed. */
  readonly unit: UnitId
  /** So much is paid for already, in the unit after `quantity`. */
  readonly commit: Rational
  /** Conversion and rounding of the percentile: a factor, then what a line goes through. */
  readonly factor: Rational
  readonly quantity: QuantityRule
  readonly price: Model
}

/** Prices what the percentile of each pool is above the commitment. Faults: USAGE_INCOMPLETE, UNIT_MISMATCH, TARIFF_INVALID. */
export function applyBurst(rule: BurstRule, scope: Scope): Result<Outcome> {
  const selected = scope.facts.series.filter((series) => selects(rule.select, series))
  if (selected.length === 0) return ok({ lines: [] })
  const pools = Map.groupBy(selected, ({ resource }) => (rule.per === 'resource' ? resource : ''))
  const lines: Line[] = []
  const faults: Fault[] = []
  for (const [pool, own] of pools) {
    const line = burstLine(rule, pool, own, scope)
    if (line.ok) lines.push(line.value)
    else faults.push(line.fault)
  }
  const [fault] = faults
  return fault === undefined ? ok({ lines, pricedSeries: selected }) : { ok: false, fault }
}

function burstLine(rule: BurstRule, pool: string, series: readonly Series[], { terms }: Scope): Result<Line> {
  const ranked = billablePercentile(series, rule.percentile)
  if (!ranked.ok)
    return fail(
      ranked.fault.code,
      `rule ${rule.id}${pool === '' ? '' : ` of ${pool}`}: ${ranked.fault.message}`,
    )
  const converted = convert(rule, series, ranked.value.value)
  if (!converted.ok) return converted
  const { value, trace } = ofLine(multiply(converted.value.value, rule.factor), rule.quantity)
  const beyond = compare(value, rule.commit) > 0 ? subtract(value, rule.commit) : ZERO
  const priced = priceOf(rule.price, { quantity: beyond, items: [beyond] })
  const due = duePart(priced.amount, rule.effective, terms)
  const commit = {
    rule: 'commit',
    input: `${exactText(value)} - ${exactText(rule.commit)}`,
    output: exactText(beyond),
  }
  const { id, name } = rule
  const draft = {
    rule: id,
    kind: 'usage',
    pool,
    name,
    period: terms.period,
    unit: rule.unit === '1' ? undefined : rule.unit,
    unitPrice: rule.effective === undefined ? unitPriceOf(rule.price) : undefined,
    ranked: series.map(({ index }) => index),
  } as const
  const steps = [
    ...ranked.value.trace,
    ...converted.value.trace,
    ...trace,
    commit,
    ...priced.trace,
    ...due.trace,
  ]
  return ok(lineOf({ ...draft, quantity: beyond, exact: due.amount, trace: steps }, terms))
}

/** The ranked value, in the unit of the rule. */
function convert(
  { id, unit }: BurstRule,
  series: readonly Series[],
  value: Rational,
): Result<{ readonly value: Rational; readonly trace: readonly TraceStep[] }> {
  const [from = unit, other] = new Set(series.map((each) => each.unit))
  if (other !== undefined) return fail('UNIT_MISMATCH', `rule ${id}: series are in ${from} and in ${other}`)
  if (from === unit) return ok({ value, trace: [] })
  const factor = conversion(from, unit)
  if (!factor.ok) return factor
  const converted = multiply(value, factor.value)
  const step = { rule: `${from} to ${unit}`, input: exactText(value), output: exactText(converted) }
  return ok({ value: converted, trace: [step] })
}
