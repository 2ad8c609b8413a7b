import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Increment, QuantityRounding, RuleDocument, Threshold } from './rule-document.ts'
import {
  closed,
  oneOf,
  optional,
  Id,
  Name,
  Text,
  Decimal,
  Positive,
  Unsigned,
  Instant,
  PeriodDocument,
  Dimensions,
  RoundingMode,
  Unit,
  EstimateMethod,
} from './schema.ts'

const fact = { meter: Name, resource: optional(Text), dimensions: optional(Dimensions) }

/** A meter that is sold in a unit. */
const ItemDocument = Type.Object(
  {
    id: Id,
    name: optional(Name),
    meter: Name,
    unit: Unit,
    threshold: optional(Threshold),
    increment: optional(Increment),
    rounding: optional(QuantityRounding),
  },
  closed,
)

/** What is sold, and the rules by which it is priced. */
const contractMembers = {
  currency: Type.String({ description: 'an ISO 4217 code in capitals' }),
  rounding: optional(
    Type.Object(
      {
        stage: optional(oneOf(['line', 'document'], 'which amounts are rounded; line by default')),
        mode: optional(RoundingMode),
      },
      closed,
    ),
  ),
  items: optional(Type.Array(ItemDocument, { maxItems: 1000 })),
  rules: Type.Array(RuleDocument, { minItems: 1, maxItems: 1000 }),
}

/** A contract without what it is applied to. */
export const ContractDocument = Type.Object(contractMembers, closed)

/** A contract and the facts that it is applied to. */
export const QuoteDocument = Type.Object(
  {
    currency: contractMembers.currency,
    zone: optional(Type.String({ description: 'an IANA time zone; UTC by default' })),
    period: PeriodDocument,
    contract: optional(
      Type.Object(
        { from: Instant, to: optional(Instant) },
        { ...closed, description: 'from where to where it runs: years of the contract begin with it' },
      ),
    ),
    term: optional(
      Type.Object(
        { from: Instant, to: Instant },
        {
          ...closed,
          description:
            'the term that was agreed, where the contract ends before it with the end of the period',
        },
      ),
    ),
    rounding: contractMembers.rounding,
    items: contractMembers.items,
    rules: contractMembers.rules,
    usage: optional(
      Type.Array(
        Type.Object(
          {
            ...fact,
            unit: optional(Unit),
            period: optional(PeriodDocument),
            quantity: optional(Decimal),
            chosenBy: optional(Unsigned),
            items: optional(Type.Array(Decimal, { minItems: 1, maxItems: 100_000 })),
            estimated: optional(EstimateMethod),
          },
          closed,
        ),
        { maxItems: 100_000 },
      ),
    ),
    changes: optional(
      Type.Array(Type.Object({ ...fact, at: Instant, change: Decimal }, closed), { maxItems: 100_000 }),
    ),
    series: optional(
      Type.Array(
        Type.Object(
          {
            ...fact,
            unit: optional(Unit),
            direction: optional(oneOf(['in', 'out', 'level'], 'of a port; level by default')),
            values: Type.Array(Type.Union([Decimal, Type.Null()]), { minItems: 1, maxItems: 200_000 }),
          },
          closed,
        ),
        { maxItems: 10_000 },
      ),
    ),
    billed: optional(
      Type.Array(
        Type.Object(
          {
            rule: Id,
            pool: optional(Text),
            period: optional(PeriodDocument),
            quantity: optional(Decimal),
            amount: optional(Decimal),
          },
          closed,
        ),
        { maxItems: 10_000 },
      ),
    ),
    availability: optional(
      Type.Array(Type.Object({ service: Name, expected: Positive, available: Unsigned }, closed), {
        maxItems: 1000,
      }),
    ),
  },
  closed,
)

/** What a document of {@link ContractDocument} is. */
export type ContractText = Static<typeof ContractDocument>
/** What a document of {@link QuoteDocument} is. */
export type Quote = Static<typeof QuoteDocument>
