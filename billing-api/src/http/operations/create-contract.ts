import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { at } from '../../catalogue/item.ts'
import { formatInstant, parseInstant } from '@vouch/proto/kernel/period.ts'
import { CLOSING, closed } from '../../contract/contract.ts'
import type { Contract, OpenPeriod } from '../../contract/contract.ts'
import { findTariff } from '../../postgres/catalogue.ts'
import { insertContract } from '../../postgres/contracts.ts'
import { found, write } from '../operation.ts'
import { ContractBody, ContractReply } from '../contract-schemas.ts'
import { contractView, openPeriodOf } from '../views.ts'
import { holdUninvoiced } from '../uninvoiced.ts'

/** The end of the term that is agreed. Faults: INSTANT_INVALID, FIELD_INVALID where it lies outside of the period. */
function termOf(text: string | undefined, period: OpenPeriod): number | undefined {
  if (text === undefined) return period.to
  const agreedTo = unwrap(at('/agreedTo', parseInstant(text)))
  const { from, to } = closed(period)
  if (agreedTo <= from || agreedTo > to)
    throwFault('FIELD_INVALID', `the term ends after ${formatInstant(from)} and not after the period`, {
      pointer: '/agreedTo',
    })
  return agreedTo
}

/** POST /v1/contracts */
export const createContract = write({
  id: 'createContract',
  path: '/v1/contracts',
  scope: 'write',
  summary: 'Put an account under a tariff version for a period; one contract at a time',
  status: 201,
  action: 'contract.create',
  body: ContractBody,
  reply: ContractReply,
  run: async ({ sql, nowMs, chance }, { body }) => {
    const period = unwrap(at('/period', openPeriodOf(body.period)))
    const agreedTo = termOf(body.agreedTo, period)
    await holdUninvoiced(sql, body.account, period)
    const tariff = found(await findTariff(sql, body.tariff), `tariff ${body.tariff.id} of this version`)
    const contract: Contract = {
      id: uuidV7(nowMs, chance.random(10)),
      account: body.account,
      tariff: tariff.tariffId,
      tariffVersion: tariff.version,
      period,
      agreedTo,
      isFeeWaived: false,
      closing: { ...CLOSING, ...body.closing },
    }
    await insertContract(sql, contract, nowMs)
    return { reply: contractView(contract), subject: contract.id, detail: { version: tariff.version } }
  },
})
