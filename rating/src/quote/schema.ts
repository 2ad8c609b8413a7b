import { Type } from 'typebox'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { UNITS } from '@vouch/proto/kernel/unit.ts'
import { WEEKDAYS } from '../tariff/calendar-windows.ts'
import { ESTIMATE_METHODS } from '../rule/estimate.ts'
import { PRORATION_BASES } from '../tariff/proration.ts'
import type { ProrationBasis } from '../tariff/proration.ts'

/** No member beside those that are named. */
export const closed = { additionalProperties: false }
/** One of these names. */
export const oneOf = <const Names extends readonly string[]>(names: Names, description: string) =>
  Type.Unsafe<Names[number]>(Type.Enum([...names], { description }))
/** A member that may be left out. */
export const optional = Type.Optional

/** An id. */
export const Id = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$',
  description: 'an id of up to 100 characters',
})
/** A name for people. */
export const Name = Type.String({ minLength: 1, maxLength: 200 })
/** A short text. */
export const Text = Type.String({ maxLength: 200 })
/** A decimal as text, of either sign. */
export const Decimal = Type.String({
  pattern: '^(?!-0(\\.0+)?$)-?(0|[1-9][0-9]{0,29})(\\.[0-9]{1,12})?$',
  description: 'a decimal as text, at most 30 digits before and 12 after the point',
})
/** A decimal as text, above zero. */
export const Positive = Type.String({
  pattern: '^(?!0(\\.0+)?$)(0|[1-9][0-9]{0,29})(\\.[0-9]{1,12})?$',
  description: 'a decimal above zero as text, at most 30 digits before and 12 after the point',
})
/** A decimal as text, not below zero. */
export const Unsigned = Type.String({
  pattern: '^(0|[1-9][0-9]{0,29})(\\.[0-9]{1,12})?$',
  description: 'a decimal not below zero as text, at most 30 digits before and 12 after the point',
})
/** An instant. */
export const Instant = Type.String({ description: 'an instant of RFC 3339 with its offset' })
/** A half-open period. */
export const PeriodDocument = Type.Object({ from: Instant, to: Instant }, closed)
/** Names and values that usage is told apart by. */
export const Dimensions = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Text)
/** How is rounded. */
export const RoundingMode = oneOf(
  Object.keys(ROUNDINGS) as (keyof typeof ROUNDINGS)[],
  'how halves and rests are rounded',
)
/** How an entry was estimated; its period is the gap. */
export const EstimateMethod = oneOf(ESTIMATE_METHODS, 'how it was estimated; its period is the gap')
/** What stands in for time in which nothing was measured. */
export const Estimate = Type.Object(
  {
    method: oneOf(['none', ...ESTIMATE_METHODS], 'what stands in for time in which nothing was measured'),
    longestHours: optional(
      Type.Integer({ minimum: 1, maximum: 8784, description: 'longer gaps stay gaps; 72 by default' }),
    ),
  },
  closed,
)
/** A unit of the catalogue. */
export const Unit = oneOf(Object.keys(UNITS) as (keyof typeof UNITS)[], 'a unit of the catalogue')
/** How a part of a period is measured. */
export const Basis = oneOf(
  Object.keys(PRORATION_BASES) as ProrationBasis[],
  'how a part of a period is measured',
)
/** To what something is applied. */
export const At = oneOf(
  ['entry', 'resource', 'line'],
  'to what it is applied: each entry, the sum of a resource, the sum of a line',
)

const TierDocument = Type.Object(
  {
    upTo: optional(Type.String({ ...Positive, description: 'where it ends; the last tier has none' })),
    unitPrice: optional(Unsigned),
    flat: optional(Unsigned),
    percent: optional(Unsigned),
  },
  closed,
)
const tiered = {
  tiers: Type.Array(TierDocument, { minItems: 1, maxItems: 100 }),
  edge: optional(
    oneOf(
      ['inclusive', 'exclusive'],
      'whether an edge belongs to the tier that ends there; inclusive by default',
    ),
  ),
  zeroUsage: optional(
    oneOf(
      ['charged', 'free'],
      'whether the flat amount of the first tier is due for nothing; charged by default',
    ),
  ),
}

/** Every price model. */
export const Model = Type.Union([
  Type.Object({ model: Type.Literal('per-unit'), unitPrice: Unsigned }, closed),
  Type.Object({ model: Type.Literal('graduated'), ...tiered }, closed),
  Type.Object({ model: Type.Literal('volume'), ...tiered }, closed),
  Type.Object({ model: Type.Literal('stairstep'), ...tiered }, closed),
  Type.Object(
    { model: Type.Literal('package'), size: Positive, price: Unsigned, rounding: optional(RoundingMode) },
    closed,
  ),
  Type.Object(
    {
      model: Type.Literal('percentage'),
      percent: Unsigned,
      fixed: optional(Unsigned),
      itemMinimum: optional(Unsigned),
      itemMaximum: optional(Unsigned),
      freeItems: optional(Type.Integer({ minimum: 0 })),
      freeAmount: optional(Unsigned),
    },
    closed,
  ),
])

const WindowDocument = Type.Object(
  {
    name: Id,
    days: optional(
      Type.Array(oneOf([...WEEKDAYS], 'a day of the week'), {
        maxItems: 7,
      }),
    ),
    from: optional(Type.String({ description: 'a local time such as "08:00"' })),
    to: optional(Type.String({ description: 'a local time such as "24:00"' })),
    dates: optional(
      Type.Array(Type.String({ description: 'a date such as "2026-12-25"' }), { maxItems: 400 }),
    ),
  },
  closed,
)

/** A price that depends on when. */
export const ModelByWindow = Type.Object(
  {
    model: Type.Literal('calendar'),
    windows: Type.Array(WindowDocument, { minItems: 1, maxItems: 50 }),
    prices: Type.Record(Id, Model),
    otherwise: Model,
  },
  closed,
)
/** A price that depends on dimensions. */
export const ModelByMatrix = Type.Object(
  {
    model: Type.Literal('matrix'),
    rows: Type.Array(Type.Object({ when: Dimensions, price: Model }, closed), {
      minItems: 1,
      maxItems: 1000,
    }),
    otherwise: optional(Model),
  },
  closed,
)
