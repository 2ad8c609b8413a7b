import { ZERO, isZero, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { graduated } from './graduated.ts'
import { packages } from './package.ts'
import type { Package } from './package.ts'
import { perUnit } from './per-unit.ts'
import type { ModelAmount } from './per-unit.ts'
import { percentage } from './percentage.ts'
import type { Percentage } from './percentage.ts'
import { stairstep } from './stairstep.ts'
import type { Tier, TierPolicies } from './tiers.ts'
import { exactText } from './trace.ts'
import { volume } from './volume.ts'

/** A price model: what a quantity costs, whatever it is a quantity of. */
export type Model =
  | { readonly model: 'per-unit'; readonly unitPrice: Rational }
  | ({ readonly model: 'graduated' | 'volume' | 'stairstep'; readonly tiers: readonly Tier[] } & TierPolicies)
  | ({ readonly model: 'package' } & Package)
  | ({ readonly model: 'percentage' } & Percentage)

/** What a model is applied to. */
export interface Priced {
  readonly quantity: Rational
  /** Chooses the tier of a volume price, where that is not the quantity itself. */
  readonly chosenBy?: Rational | undefined
  /** The single amounts, of a percentage. */
  readonly items: readonly Rational[]
  /** Billed earlier in the same window; undefined = nothing was. */
  readonly before?: Rational | undefined
}

/** The price of every unit, where a model has one for all. */
export function unitPriceOf(model: Model): Rational | undefined {
  return model.model === 'per-unit' ? model.unitPrice : undefined
}

const FREE: ModelAmount = {
  amount: ZERO,
  trace: [{ rule: 'zero usage free', input: '0', output: '0' }],
}

/** The price of a quantity; of one that continues, the price of both less that of what was billed before. */
export function priceOf(model: Model, priced: Priced): ModelAmount {
  const { before } = priced
  if (before === undefined || model.model === 'percentage') return priceAlone(model, priced)
  const quantity = subtract(priced.quantity, { n: -before.n, d: before.d })
  const both = priceAlone(model, { ...priced, quantity })
  const earlier = priceAlone(model, { ...priced, quantity: before })
  const amount = subtract(both.amount, earlier.amount)
  if (isZero(before) && isZero(earlier.amount)) return both
  return {
    amount,
    trace: [
      {
        rule: 'continues',
        input: `${exactText(before)} + ${exactText(priced.quantity)}`,
        output: exactText(quantity),
      },
      ...both.trace,
      ...earlier.trace.map((step) => ({ ...step, rule: `before: ${step.rule}` })),
      {
        rule: 'less what was billed before',
        input: `${exactText(both.amount)} - ${exactText(earlier.amount)}`,
        output: exactText(amount),
      },
    ],
  }
}

function priceAlone(model: Model, priced: Priced): ModelAmount {
  if (!('tiers' in model) || !isZero(priced.quantity)) return priceBy(model, priced)
  if (model.zero === 'free') return FREE
  const { amount, trace } = priceBy(model, priced)
  return { amount, trace: [{ rule: 'zero usage charged', input: '0', output: exactText(amount) }, ...trace] }
}

function priceBy(model: Model, { quantity, chosenBy, items }: Priced): ModelAmount {
  switch (model.model) {
    case 'per-unit':
      return perUnit(quantity, model.unitPrice)
    case 'graduated':
      return graduated(model.tiers, quantity, model.edge)
    case 'volume':
      return volume(model.tiers, quantity, model.edge, chosenBy)
    case 'stairstep':
      return stairstep(model.tiers, quantity, model.edge)
    case 'package':
      return packages(model, quantity)
    case 'percentage':
      return percentage(model, items)
    default:
      throw new Error(`not a model: ${JSON.stringify(model satisfies never)}`)
  }
}
