import { Type } from 'typebox'
import type { Static } from 'typebox'
import { DIRECTION_POLICIES, MISSING_SLOT_POLICIES } from '../usage/percentile.ts'
import { GRANT_ORDERS } from '../rule/credit.ts'
import { FEE_TIMINGS } from '../rule/fee.ts'
import { GRAINS } from '@vouch/proto/kernel/calendar-steps.ts'
import {
  closed,
  oneOf,
  optional,
  Id,
  Name,
  Decimal,
  Positive,
  Unsigned,
  Instant,
  PeriodDocument,
  Dimensions,
  RoundingMode,
  Unit,
  Basis,
  Window,
  At,
  Estimate,
  ModelByWindow,
  ModelByMatrix,
  Model,
} from './schema.ts'

const Select = Type.Object(
  { meters: optional(Type.Array(Name, { minItems: 1, maxItems: 100 })), dimensions: optional(Dimensions) },
  closed,
)
const sold = {
  item: optional(Type.String({ ...Id, description: 'an item, in the place of meters and unit' })),
  select: optional(Select),
  unit: optional(Unit),
  reviewBelow: optional(
    Type.String({
      pattern: '^(0(\\.[0-9]{1,12})?|1(\\.0{1,12})?)$',
      description:
        'a share of the time from 0 to 1: lines of metered usage that readings cover less of are held for review',
    }),
  ),
}
/** Steps in which quantities are billed. */
export const Increment = Type.Object(
  { size: Positive, minimum: optional(Unsigned), at: optional(At) },
  closed,
)
/** Below it nothing is billed. */
export const Threshold = Type.Object({ quantity: Unsigned, at: optional(At) }, closed)
/** How quantities are rounded. */
export const QuantityRounding = Type.Object(
  { mode: RoundingMode, scale: Type.Integer({ minimum: 0, maximum: 12 }), at: optional(At) },
  closed,
)
const Free = Type.Object(
  {
    quantity: Unsigned,
    stage: optional(
      oneOf(['before-rounding', 'after-rounding'], 'when it is taken off; before-rounding by default'),
    ),
  },
  closed,
)
const rule = { id: Id, name: optional(Name) }
const inForce = { effective: optional(PeriodDocument) }
const ofRules = { of: optional(Type.Array(Id, { minItems: 1, maxItems: 1000 })) }
const spend = {
  ...rule,
  ...ofRules,
  ...inForce,
  amount: Unsigned,
  proration: optional(Basis),
  window: optional(Window),
}

/** Every rule of a contract. */
export const RuleDocument = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('usage'),
      ...rule,
      ...inForce,
      ...sold,
      per: optional(
        Type.Union([
          oneOf(['contract', 'resource', 'entry'], 'what is priced together'),
          Type.Object({ dimension: Name }, closed),
        ]),
      ),
      aggregate: optional(
        oneOf(['sum', 'maximum', 'last', 'count'], 'how entries become one quantity; sum by default'),
      ),
      grain: optional(oneOf(GRAINS, 'entries are cut at every local hour or day; not by default')),
      level: optional(Basis),
      threshold: optional(Threshold),
      increment: optional(Increment),
      rounding: optional(QuantityRounding),
      free: optional(Free),
      minimum: optional(Unsigned),
      estimate: optional(Estimate),
      late: optional(
        oneOf(
          ['this-period', 'own-period', 'rejected'],
          'usage of an earlier period; this-period by default',
        ),
      ),
      continues: optional(Id),
      window: optional(Window),
      price: Type.Union([...Model.anyOf, ModelByWindow, ModelByMatrix]),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('percentile'),
      ...rule,
      ...sold,
      per: optional(oneOf(['contract', 'resource'], 'what is ranked together')),
      percent: optional(Positive),
      directions: optional(oneOf(DIRECTION_POLICIES, 'which direction is billed; higher by default')),
      missingSlots: optional(oneOf(MISSING_SLOT_POLICIES, 'slots without a value; excluded by default')),
      factor: optional(Positive),
      rounding: optional(QuantityRounding),
      commit: optional(Unsigned),
      price: Model,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('fee'),
      ...rule,
      ...inForce,
      amount: Decimal,
      quantity: optional(Decimal),
      period: optional(PeriodDocument),
      timing: optional(oneOf(FEE_TIMINGS, 'with which invoice it is billed; arrears by default')),
      proration: optional(Basis),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('termination'),
      ...rule,
      ...ofRules,
      amount: optional(Unsigned),
      percent: optional(Unsigned),
      steps: optional(
        Type.Array(
          Type.Object({ months: Type.Integer({ minimum: 0, maximum: 1200 }), amount: Unsigned }, closed),
          { minItems: 1, maxItems: 1200 },
        ),
      ),
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('minimum'), ...spend }, closed),
  Type.Object({ kind: Type.Literal('maximum'), ...spend }, closed),
  Type.Object(
    {
      kind: Type.Literal('commitment'),
      ...spend,
      overageFactor: optional(Unsigned),
      trueUp: optional(Type.Boolean()),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('discount'),
      ...rule,
      ...ofRules,
      percent: optional(Unsigned),
      amount: optional(Unsigned),
      base: optional(oneOf(['remaining', 'original'], 'what the share is of; remaining by default')),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('credit'),
      ...rule,
      ...ofRules,
      order: optional(oneOf(GRANT_ORDERS, 'which grant is used first; priority by default')),
      grants: Type.Array(
        Type.Object(
          {
            id: Id,
            amount: Unsigned,
            priority: optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
            from: optional(Instant),
            expires: optional(Instant),
          },
          closed,
        ),
        { minItems: 1, maxItems: 1000 },
      ),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('sla-credit'),
      ...rule,
      ...ofRules,
      service: Name,
      bands: Type.Array(Type.Object({ below: Positive, percent: Unsigned }, closed), {
        minItems: 1,
        maxItems: 20,
      }),
      minimum: optional(Unsigned),
    },
    closed,
  ),
])

/** One of them. */
export type QuoteRule = Static<typeof RuleDocument>
/** One of its models. */
export type QuoteModel = Static<typeof Model>
