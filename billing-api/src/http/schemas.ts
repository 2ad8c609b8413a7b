import { Type } from '@fastify/type-provider-typebox'
import type { Static, TSchema } from '@fastify/type-provider-typebox'
import type { JsonObject } from '@vouch/proto/kernel/json.ts'
import { QUANTITY_SCALE_MAX, STAGES } from '../catalogue/item.ts'

/** An object that refuses members it does not know. */
export const closed = { additionalProperties: false }

/** Ids that people choose. */
export const Slug = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{0,63}$',
  description: 'Lower-case letters, digits, dots, hyphens and underscores; at most 64 characters',
})

/** Ids that the service makes. */
export const Uuid = Type.String({
  pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
  description: 'UUID as the service gave it, in lower case',
})

/** Text of one line, without its length. */
export const LINE_OF_TEXT = {
  minLength: 1,
  pattern: '^[^\\s\\p{Cc}\\p{Bidi_Control}][^\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]*$',
  description: 'One line of text, without control characters and marks that turn its direction',
}

/** A name as people write it: one line, and nothing in it that hides or turns around the rest. */
export const Name = Type.String({ ...LINE_OF_TEXT, maxLength: 200 })

/** An instant, RFC 3339. */
export const Instant = Type.String({ format: 'date-time', description: 'RFC 3339, at most milliseconds' })

/** Decimal text; never a JSON number. */
export const Decimal = Type.String({ maxLength: 64, description: 'Plain decimal, such as "12.30"' })

/** An amount. */
export const Amount = Type.Object(
  { amount: Decimal, currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217' }) },
  closed,
)

/** A half-open period. */
export const PeriodBody = Type.Object({ from: Instant, to: Instant }, closed)

/** A half-open period that may have no end yet. */
export const OpenPeriodBody = Type.Object({ from: Instant, to: Type.Optional(Instant) }, closed)

/** A version number. */
export const Version = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })

/** Which version to look at. */
export const VersionQuery = Type.Object(
  {
    version: Type.Optional(
      Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'The newest if absent' }),
    ),
  },
  closed,
)

/** How a number is rounded. */
export const Rounding = Type.Object(
  { mode: Type.String({ maxLength: 20 }), scale: Type.Integer({ minimum: 0, maximum: QUANTITY_SCALE_MAX }) },
  closed,
)

/** An account. */
export const AccountBody = Type.Object(
  { id: Slug, name: Name, timeZone: Type.String({ maxLength: 64 }) },
  closed,
)

const At = (otherwise: (typeof STAGES)[number]) =>
  Type.Unsafe<(typeof STAGES)[number]>(
    Type.Enum([...STAGES], {
      description: `What is looked at: each entry, the sum of a resource or that of a line; ${otherwise} if absent`,
    }),
  )

/** An item as asked for. */
export const ItemBody = Type.Object(
  {
    id: Slug,
    name: Name,
    meter: Type.String({ maxLength: 100 }),
    unit: Type.String({ maxLength: 32, description: 'Billable unit' }),
    rounding: Rounding,
    threshold: Type.Optional(
      Type.Object(
        { quantity: Decimal, at: Type.Optional(At('line')) },
        { ...closed, description: 'Below this billable quantity nothing is billed, from it on all' },
      ),
    ),
    increment: Type.Optional(
      Type.Object(
        { size: Decimal, minimum: Type.Optional(Decimal), at: Type.Optional(At('entry')) },
        { ...closed, description: 'Begun steps are billed whole, and at least the minimum' },
      ),
    ),
  },
  closed,
)

/** A version of an item. */
export const ItemReply = Type.Object({ ...ItemBody.properties, version: Version }, closed)

/** A rule of a tariff; rating checks it whole. */
const RuleBody = Type.Unsafe<JsonObject>(
  Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'A rule as `vouch-rating quote --schema` describes it; `item` names what it sells',
    },
  ),
)

/** A tariff as asked for. */
export const TariffBody = Type.Object(
  {
    id: Slug,
    currency: Type.String({ maxLength: 3 }),
    amountRounding: Type.String({ maxLength: 20, description: 'Mode by which amounts are rounded' }),
    roundingStage: Type.Optional(
      Type.Enum(['line', 'document'], {
        description: 'Which amounts are rounded: every line (if absent), or the total alone',
      }),
    ),
    prices: Type.Optional(
      Type.Array(
        Type.Object({ item: Slug, itemVersion: Type.Optional(Version), unitPrice: Amount }, closed),
        {
          minItems: 1,
          maxItems: 1000,
          description: 'Short for a rule each: one price for every unit, a line for each resource',
        },
      ),
    ),
    rules: Type.Optional(Type.Array(RuleBody, { minItems: 1, maxItems: 1000 })),
    items: Type.Optional(
      Type.Array(Type.Object({ item: Slug, version: Version }, closed), {
        maxItems: 1000,
        description: 'Versions of items that rules name; the newest of those that are not listed',
      }),
    ),
  },
  closed,
)

/** A version of a tariff. */
export const TariffReply = Type.Object(
  {
    id: Slug,
    version: Version,
    currency: Type.String(),
    amountRounding: Type.String(),
    roundingStage: Type.String(),
    items: Type.Array(Type.Object({ item: Slug, version: Version }, closed)),
    rules: Type.Array(RuleBody),
  },
  closed,
)

/** What prices may depend on. */
const Dimensions = Type.Record(
  Type.String({ pattern: '^[a-z][a-zA-Z0-9_.-]{0,63}$' }),
  Type.String({ ...LINE_OF_TEXT, maxLength: 100 }),
  {
    maxProperties: 20,
    additionalProperties: false,
    description: 'What prices may depend on, such as class or region: names begin with a small letter',
  },
)

/** An assignment as asked for. */
export const AssignmentBody = Type.Object(
  {
    account: Slug,
    resource: Type.String({ maxLength: 200 }),
    period: OpenPeriodBody,
    dimensions: Type.Optional(Dimensions),
  },
  closed,
)

/** An assignment. */
export const AssignmentReply = Type.Object({ id: Uuid, ...AssignmentBody.properties }, closed)

const Quantity = Type.String({
  pattern: '^(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?$',
  description: 'Minutes, or requests; a decimal not below zero',
})

/** How available a service was. */
export const AvailabilityBody = Type.Object(
  {
    account: Slug,
    service: Name,
    period: PeriodBody,
    expected: Type.String({ ...Quantity, pattern: '^(?!0(\\.0+)?$)(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?$' }),
    available: Quantity,
  },
  closed,
)

/** When something ends. */
export const EndBody = Type.Object({ to: Instant }, closed)

/** A journal entry. */
export const EntryReply = Type.Object(
  {
    id: Uuid,
    postedAt: Instant,
    description: Type.String(),
    invoice: Uuid,
    postings: Type.Array(
      Type.Object({ account: Type.String(), subject: Type.String(), amount: Amount }, closed),
      { description: 'Debits positive, credits negative; they sum to zero' },
    ),
  },
  closed,
)

/** A row of the audit log: hash = SHA-256(previous ‖ record). */
export const AuditReply = Type.Object(
  { sequence: Type.String(), record: Type.String(), previous: Type.String(), hash: Type.String() },
  closed,
)

/** A page of a listing. */
export function PageReply<T extends TSchema>(item: T) {
  const page = Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) }, closed)
  return Type.Unsafe<{ items: Static<T>[]; next?: string }>(page)
}
