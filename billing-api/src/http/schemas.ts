import { Type } from '@fastify/type-provider-typebox'
import type { Static, TSchema } from '@fastify/type-provider-typebox'
import { QUANTITY_SCALE_MAX } from '../catalogue/item.ts'

/** An object that refuses members it does not know. */
const closed = { additionalProperties: false }

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

/** A name as people write it: one line, and nothing in it that hides or turns around the rest. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\s\\p{Cc}\\p{Bidi_Control}][^\\p{Cc}\\p{Zl}\\p{Zp}\\p{Bidi_Control}]*$',
  description: 'One line of text, without control characters and marks that turn its direction',
})

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

/** An item as asked for. */
export const ItemBody = Type.Object(
  {
    id: Slug,
    name: Name,
    meter: Type.String({ maxLength: 100 }),
    unit: Type.String({ maxLength: 32, description: 'Billable unit' }),
    rounding: Rounding,
  },
  closed,
)

/** A version of an item. */
export const ItemReply = Type.Object({ ...ItemBody.properties, version: Version }, closed)

/** A tariff as asked for. */
export const TariffBody = Type.Object(
  {
    id: Slug,
    currency: Type.String({ maxLength: 3 }),
    amountRounding: Type.String({
      maxLength: 20,
      description: 'Mode by which a line is rounded to minor units',
    }),
    prices: Type.Array(
      Type.Object({ item: Slug, itemVersion: Type.Optional(Version), unitPrice: Amount }, closed),
      { minItems: 1, maxItems: 1000 },
    ),
  },
  closed,
)

/** A version of a tariff. */
export const TariffReply = Type.Object(
  {
    ...TariffBody.properties,
    version: Version,
    prices: Type.Array(Type.Object({ item: Slug, itemVersion: Version, unitPrice: Amount }, closed)),
  },
  closed,
)

/** A contract as asked for. */
export const ContractBody = Type.Object(
  {
    account: Slug,
    tariff: Type.Object({ id: Slug, version: Type.Optional(Version) }, closed),
    period: OpenPeriodBody,
  },
  closed,
)

/** A contract. */
export const ContractReply = Type.Object(
  {
    id: Uuid,
    account: Slug,
    tariff: Type.Object({ id: Slug, version: Version }, closed),
    period: OpenPeriodBody,
  },
  closed,
)

/** An assignment as asked for. */
export const AssignmentBody = Type.Object(
  { account: Slug, resource: Type.String({ maxLength: 200 }), period: OpenPeriodBody },
  closed,
)

/** An assignment. */
export const AssignmentReply = Type.Object({ id: Uuid, ...AssignmentBody.properties }, closed)

/** When something ends. */
export const EndBody = Type.Object({ to: Instant }, closed)

const Party = Type.Object({ id: Type.String(), name: Type.String() }, closed)

const Milliseconds = Type.Integer({ minimum: 0, description: 'Milliseconds' })

const Boundary = Type.Object({ at: Instant, register: Type.String() }, closed)

const Stream = Type.Object(
  {
    stream: Type.String(),
    agent: Type.String(),
    resource: Type.String(),
    quantity: Decimal,
    epochs: Type.Array(
      Type.Object({ epoch: Type.String(), opening: Boundary, closing: Boundary, quantity: Decimal }, closed),
    ),
    coverage: Type.Object(
      {
        coveredMs: Milliseconds,
        spreadMs: Milliseconds,
        missingMs: Milliseconds,
        gaps: Type.Array(
          Type.Object({ from: Instant, to: Instant, kind: Type.Enum(['missing', 'spread']) }, closed),
        ),
      },
      closed,
    ),
  },
  closed,
)

/** Usage of one meter. */
export const UsageReply = Type.Object(
  { meter: Type.String(), unit: Type.String(), quantity: Decimal, streams: Type.Array(Stream) },
  closed,
)

const InvoiceLine = Type.Object(
  {
    lineNumber: Type.Integer({ minimum: 1 }),
    description: Type.String(),
    item: Slug,
    resource: Type.String(),
    meter: Type.String(),
    tariff: Type.Object({ id: Slug, version: Version }, closed),
    period: PeriodBody,
    baseQuantity: Decimal,
    baseUnit: Type.String(),
    quantity: Decimal,
    unit: Type.String(),
    unitPrice: Amount,
    amount: Amount,
    trace: Type.Array(
      Type.Object({ rule: Type.String(), input: Type.String(), output: Type.String() }, closed),
    ),
    streams: Type.Array(Stream),
  },
  closed,
)

const InvoiceHead = {
  id: Uuid,
  status: Type.Enum(['draft', 'issued']),
  number: Type.Optional(Type.String()),
  issuedAt: Type.Optional(Instant),
  proofSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  seller: Party,
  buyer: Party,
  currency: Type.String(),
  period: PeriodBody,
  timeZone: Type.String(),
  total: Amount,
  createdAt: Instant,
}

/** An invoice as listings show it. */
export const InvoiceSummary = Type.Object(InvoiceHead, closed)

/** An invoice. */
export const InvoiceReply = Type.Object({ ...InvoiceHead, lines: Type.Array(InvoiceLine) }, closed)

/** What to draw invoices for: one account or all, over a period or a month of each account's time zone. */
export const RunBody = Type.Object(
  {
    account: Type.Optional(Slug),
    period: Type.Optional(PeriodBody),
    month: Type.Optional(
      Type.Object(
        {
          year: Type.Integer({ minimum: 1970, maximum: 9999 }),
          month: Type.Integer({ minimum: 1, maximum: 12 }),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** What a run drew, and whom it passed over. */
export const RunReply = Type.Object(
  {
    invoices: Type.Array(InvoiceSummary),
    skipped: Type.Array(Type.Object({ account: Slug, code: Type.String(), message: Type.String() }, closed)),
  },
  closed,
)

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
