import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { at } from '../../catalogue/item.ts'
import { CLOSING } from '../../contract/contract.ts'
import type { Contract } from '../../contract/contract.ts'
import { findTariff } from '../../postgres/catalogue.ts'
import { insertContract } from '../../postgres/contracts.ts'
import { found, write } from '../operation.ts'
import { ContractBody, ContractReply } from '../schemas.ts'
import { contractView, openPeriodOf } from '../views.ts'
import { holdUninvoiced } from '../uninvoiced.ts'

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
    await holdUninvoiced(sql, body.account, period)
    const tariff = found(await findTariff(sql, body.tariff), `tariff ${body.tariff.id} of this version`)
    const contract: Contract = {
      id: uuidV7(nowMs, chance.random(10)),
      account: body.account,
      tariff: tariff.tariffId,
      tariffVersion: tariff.version,
      period,
      closing: { ...CLOSING, ...body.closing },
    }
    await insertContract(sql, contract, nowMs)
    return { reply: contractView(contract), subject: contract.id, detail: { version: tariff.version } }
  },
})
