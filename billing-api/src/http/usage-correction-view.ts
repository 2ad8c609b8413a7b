import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import type { UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { periodOf } from '../invoice/invoice.ts'
import { Decimal, Instant, Name, PeriodBody, Slug, Uuid, closed } from './schemas.ts'
import { periodView } from './views.ts'

const Because = {
  reason: Type.String({ ...Name, maxLength: 1000, description: 'Why; the customer reads it' }),
  person: Type.String({ ...Name, description: 'Who decided it' }),
}
const Place = {
  resource: Type.String({ description: 'A resource; everything below it too, but where usage is replaced' }),
  meter: Type.Optional(Type.String({ description: 'All meters if absent' })),
  period: PeriodBody,
}

/** What a person decides about usage. */
export const UsageCorrectionBody = Type.Object(
  {
    kind: Type.Enum(['void', 'replace', 'transfer'], {
      description: 'It was not used; so much was used; another account bears it',
    }),
    ...Place,
    quantity: Type.Optional(Decimal),
    unit: Type.Optional(Type.String({ description: 'Of the quantity' })),
    to: Type.Optional(Slug),
    ...Because,
  },
  closed,
)

/** Why an entry holds no more. */
export const WithdrawalBody = Type.Object(Because, closed)

/** An entry of the ledger. */
export const UsageCorrectionReply = Type.Object(
  {
    id: Uuid,
    kind: Type.Enum(['void', 'replace', 'transfer', 'withdraw']),
    ...Place,
    quantity: Type.Optional(Decimal),
    unit: Type.Optional(Type.String()),
    from: Type.Optional(Slug),
    to: Type.Optional(Slug),
    withdraws: Type.Optional(Uuid),
    withdrawnBy: Type.Optional(Uuid),
    ...Because,
    enteredAt: Instant,
    publicKey: Type.String({ description: "The issuer's, in hexadecimal" }),
    signature: Type.String({ description: 'In hexadecimal' }),
  },
  closed,
)

/** An entry as answers show it. */
export function usageCorrectionView(
  entry: UsageCorrection,
  withdrawnBy?: string,
): Static<typeof UsageCorrectionReply> {
  const { correctionId: id, kind, resource, meter, quantity, unit, reason, person, withdraws } = entry
  const optional = { meter, quantity, unit, from: entry.fromAccount, to: entry.toAccount, withdraws }
  return {
    id,
    kind: kind as Static<typeof UsageCorrectionReply>['kind'],
    resource,
    ...Object.fromEntries(Object.entries(optional).filter(([, text]) => text !== '')),
    period: periodView(periodOf(entry.period)),
    ...(withdrawnBy === undefined ? {} : { withdrawnBy }),
    reason,
    person,
    enteredAt: formatInstant(Number(entry.enteredMs)),
    publicKey: toHex(entry.publicKey),
    signature: toHex(entry.signature),
  }
}
