import type { Static } from '@fastify/type-provider-typebox'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { monthOf, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { at } from '../../catalogue/item.ts'
import type { Account } from '../../contract/contract.ts'
import { drawForAccount, drawForAll } from '../../postgres/draw.ts'
import { write } from '../operation.ts'
import { RunBody, RunReply } from '../invoice-schemas.ts'
import { invoiceSummary } from '../invoice-views.ts'

const DAY_MS = 86_400_000

/** POST /v1/invoice-runs */
export const createInvoiceRun = write({
  id: 'createInvoiceRun',
  path: '/v1/invoice-runs',
  scope: 'write',
  summary: 'Draw draft invoices for a past period, for one account or for all under contract',
  status: 200,
  action: 'invoice.draw',
  body: RunBody,
  reply: RunReply,
  run: async (context, { body }) => {
    const { widest, periodOf } = periodsOf(body)
    const { invoices, skipped } =
      body.account === undefined
        ? await drawForAll(context, widest, periodOf)
        : await drawForAccount(context, body.account, periodOf)
    return {
      reply: { invoices: invoices.map(invoiceSummary), skipped: [...skipped] },
      subject: body.account ?? 'all',
      detail: { invoices: invoices.map(({ id }) => id) },
    }
  },
})

/** Each account's period, and one that holds them all: a month begins at another instant in each time zone. */
function periodsOf({ period, month }: Static<typeof RunBody>): {
  readonly widest: Period
  readonly periodOf: (account: Account) => Period
} {
  if (period !== undefined && month === undefined) {
    const span = unwrap(at('/period', parsePeriod(period.from, period.to)))
    return { widest: span, periodOf: () => span }
  }
  if (month !== undefined && period === undefined) {
    const { year, month: number } = month
    const inUtc = unwrap(at('/month', monthOf('UTC', year, number)))
    return {
      widest: { from: Math.max(0, inUtc.from - DAY_MS), to: inUtc.to + DAY_MS },
      periodOf: ({ timeZone }) => unwrap(at('/month', monthOf(timeZone, year, number))),
    }
  }
  return throwFault('FIELD_INVALID', 'give either a period or a month', { pointer: '/period' })
}
