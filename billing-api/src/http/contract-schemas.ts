import { Type } from '@fastify/type-provider-typebox'
import { Instant, LINE_OF_TEXT, OpenPeriodBody, Slug, Uuid, Version, closed } from './schemas.ts'

/** How periods are closed, and what becomes of usage that arrives later. */
const Closing = Type.Object(
  {
    graceMinutes: Type.Integer({
      minimum: 0,
      maximum: 525_600,
      description: 'After the period, before usage is frozen',
    }),
    lateUsage: Type.Enum(['next-invoice', 'reject'], {
      description: 'With the next invoice as a correction of its own period, or reported by re-rating alone',
    }),
    lateDays: Type.Integer({
      minimum: 0,
      maximum: 3660,
      description:
        'Invoices whose periods begin so many days after the period, or earlier, take its late usage: the next one always does',
    }),
    lateMinimum: Type.String({
      pattern: '^(0|[1-9][0-9]{0,17})(\\.[0-9]{1,12})?$',
      description: 'Corrections of less, in the tariff currency and of either sign, wait until they are more',
    }),
  },
  closed,
)

/** A contract as asked for. */
export const ContractBody = Type.Object(
  {
    account: Slug,
    tariff: Type.Object({ id: Slug, version: Type.Optional(Version) }, closed),
    period: OpenPeriodBody,
    agreedTo: Type.Optional({
      ...Instant,
      description:
        'The end of the term that is agreed: a tariff may ask a fee for an earlier end. That of the period by default',
    }),
    closing: Type.Optional(Type.Partial(Closing, closed)),
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
    agreedTo: Type.Optional(Instant),
    isFeeWaived: Type.Boolean({ description: 'Whether an end before the agreed term is without a fee' }),
    closing: Closing,
  },
  closed,
)

/** An end of a contract. */
export const EndContractBody = Type.Object(
  {
    to: Instant,
    feeWaived: Type.Optional(
      Type.String({
        ...LINE_OF_TEXT,
        minLength: 1,
        maxLength: 500,
        description:
          'Why an end before the agreed term is without a fee; absent = a fee is due where the tariff has one',
      }),
    ),
  },
  closed,
)
