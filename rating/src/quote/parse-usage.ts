import { LONGEST_HOURS } from '@vouch/proto/kernel/estimate.ts'
import { ONE, ZERO } from '@vouch/proto/kernel/rational.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import type { Rule } from '../rule/evaluate.ts'
import type { QuantityRule } from '../rule/quantity.ts'
import { selects } from '../rule/select.ts'
import type { Selector } from '../rule/select.ts'
import type { Facts } from '../rule/types.ts'
import type { UsageRule } from '../rule/usage.ts'
import type { QuoteRule } from './rule-document.ts'
import { originOf } from './parse-items.ts'
import type { SoldRule } from './parse-items.ts'
import { readPrice } from './parse-models.ts'
import type { Reader } from './parse.ts'
import { isUnread } from './remainder.ts'

/** Rules of some kinds, as documents have them. */
export type Of<Kind extends QuoteRule['kind']> = Extract<QuoteRule, { kind: Kind }>

const HOUR_MS = 3_600_000

/** What a price does not take into account is refused, not ignored. */
export function checkUsage(rule: Of<'usage'>, pointer: string, reader: Reader): void {
  const { model } = rule.price
  const takesAmounts = modelsOf(rule.price).includes('percentage')
  if (rule.level !== undefined && rule.estimate !== undefined)
    reader.refuse(`${pointer}/estimate`, 'a level lasts until its next change; there is nothing to estimate')
  if (rule.window !== undefined) checkWindow(rule, pointer, reader)
  const cut = model === 'calendar' || model === 'matrix' ? `of a ${model}` : undefined
  const where = takesAmounts ? 'of a percentage' : cut
  const members = takesAmounts
    ? (['free', 'minimum', 'threshold', 'increment', 'rounding', 'aggregate', 'continues'] as const)
    : (['free', 'minimum', ...(rule.threshold?.at === 'entry' ? [] : (['threshold'] as const))] as const)
  if (where === undefined) return
  for (const member of members)
    if (rule[member] !== undefined)
      reader.refuse(`${pointer}/${member}`, `${member} has no meaning for the quantities ${where}`)
}

/** The models of a price, whatever it depends on. */
function modelsOf(price: Of<'usage'>['price']): readonly string[] {
  if (price.model === 'matrix')
    return [
      ...price.rows.map((row) => row.price),
      ...(price.otherwise === undefined ? [] : [price.otherwise]),
    ].map(({ model }) => model)
  if (price.model === 'calendar')
    return [...Object.values(price.prices), price.otherwise].map(({ model }) => model)
  return [price.model]
}

/** Tiers go on over a window where a quantity in parts is the same as at once. */
function checkWindow(rule: Of<'usage'>, pointer: string, reader: Reader): void {
  const refuse = (reason: string): void => reader.refuse(`${pointer}/window`, reason)
  const { free, minimum, threshold, aggregate = 'sum', price, level, late } = rule
  const isOfSum = threshold !== undefined && threshold.at !== 'entry'
  if (free !== undefined || minimum !== undefined || isOfSum || aggregate !== 'sum')
    refuse('free, minimum, thresholds of sums and aggregates but the sum do not go on')
  if (modelsOf(price).includes('percentage')) refuse('a percentage has no tiers that go on')
  if (level !== undefined) refuse('an average does not go on')
  if (late === 'own-period') refuse('late usage of its own period has a window of its own')
}

/** Notes entries of usage whose unit is not one that a rule for them bills. */
export function checkUnits(
  given: readonly QuoteRule[],
  rules: readonly Rule[],
  { usage }: Facts,
  reader: Reader,
): void {
  const pricing = rules.flatMap((rule, index) => {
    const sold = given[index]!
    const item = 'item' in sold ? sold.item : undefined
    // Of an item that nobody could read the unit is not known.
    const isKnown = item === undefined || !isUnread(reader.unread.items, item)
    return rule.kind === 'usage' && isKnown ? [rule] : []
  })
  for (const entry of usage) {
    const wrong = pricing
      .filter(({ select }) => selects(select, entry))
      .map(({ unit }) => conversion(entry.unit, unit))
      .find(({ ok }) => !ok)
    if (wrong !== undefined) reader.take(`/usage/${entry.index}/unit`, wrong)
  }
}

/** A rule that prices usage; what it does not say of a quantity is the default. */
export function readUsage(
  rule: Of<'usage'>,
  item: SoldRule['item'],
  pointer: string,
  reader: Reader,
): Omit<UsageRule, 'id' | 'name'> {
  return {
    kind: 'usage',
    select: readSelect(rule),
    unit: rule.unit ?? '1',
    per: rule.per ?? 'contract',
    grain: rule.grain,
    estimate: readEstimate(rule),
    reviewBelow: reader.maybe(rule.reviewBelow),
    quantity: readQuantity(rule, item, reader),
    price: readPrice(rule.price, `${pointer}/price`, reader),
    late: rule.late ?? 'this-period',
    effective: effectiveOf(rule, pointer, reader),
    level: rule.level,
    continues: rule.continues === undefined ? [] : [rule.continues],
    window: rule.window,
  }
}

function readEstimate({ estimate }: Of<'usage'>): UsageRule['estimate'] {
  if (estimate === undefined || estimate.method === 'none') return undefined
  const { method, longestHours = LONGEST_HOURS } = estimate
  return { method, longestMs: longestHours * HOUR_MS }
}

/** Which usage a rule is about. */
export function readSelect({ select }: Of<'usage' | 'percentile'>): Selector {
  return { meters: select?.meters ?? [], dimensions: select?.dimensions ?? {} }
}

function readQuantity(rule: Of<'usage'>, item: SoldRule['item'], reader: Reader): QuantityRule {
  const { threshold, increment, free } = rule
  return {
    aggregate: rule.aggregate ?? 'sum',
    threshold:
      threshold === undefined
        ? undefined
        : {
            quantity: reader.decimal(threshold.quantity, ZERO),
            at: threshold.at ?? 'line',
            origin: originOf('threshold', rule, item),
          },
    increment:
      increment === undefined
        ? undefined
        : {
            size: reader.decimal(increment.size, ONE),
            minimum: reader.decimal(increment.minimum, ZERO),
            at: increment.at ?? 'entry',
            origin: originOf('increment', rule, item),
          },
    rounding: readRounding(rule.rounding),
    free:
      free === undefined
        ? undefined
        : { quantity: reader.decimal(free.quantity, ZERO), stage: free.stage ?? 'before-rounding' },
    minimum: reader.maybe(rule.minimum),
  }
}

/** Where and how a quantity is rounded. */
export function readRounding(rounding: Of<'usage'>['rounding']): QuantityRule['rounding'] {
  return rounding === undefined ? undefined : { ...rounding, at: rounding.at ?? 'line' }
}

/** When a rule is in force; undefined = always. */
export function effectiveOf(
  { effective }: { readonly effective?: { from: string; to: string } },
  pointer: string,
  reader: Reader,
) {
  return effective === undefined
    ? undefined
    : reader.period(`${pointer}/effective`, effective, { from: 0, to: 1 })
}
