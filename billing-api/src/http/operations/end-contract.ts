import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { Type } from '@fastify/type-provider-typebox'
import { findContract, setEnd, setFeeWaived } from '../../postgres/contracts.ts'
import { write } from '../operation.ts'
import { ContractReply, EndContractBody } from '../contract-schemas.ts'
import { Uuid } from '../schemas.ts'
import { endPeriod, held } from '../uninvoiced.ts'
import { contractView } from '../views.ts'

/** POST /v1/contracts/{contract}/end */
export const endContract = write({
  id: 'endContract',
  path: '/v1/contracts/:contract/end',
  scope: 'write',
  summary:
    'Give a contract an earlier end, not before what is invoiced; a fee is due where the tariff asks one',
  status: 200,
  action: 'contract.end',
  params: Type.Object({ contract: Uuid }),
  body: EndContractBody,
  reply: ContractReply,
  run: async ({ sql }, { params: { contract: id }, body }) => {
    const contract = await held(sql, () => findContract(sql, id), `contract ${id}`)
    const period = await endPeriod(sql, contract, body.to)
    const { to, feeWaived } = body
    const isFeeWaived = feeWaived !== undefined
    if (isFeeWaived && (contract.agreedTo === undefined || period.to >= contract.agreedTo))
      throwFault('FIELD_INVALID', 'it cuts no agreed term short: no fee is due', { pointer: '/feeWaived' })
    await setEnd(sql, 'contracts', id, period.to)
    await setFeeWaived(sql, id, isFeeWaived)
    const reply = contractView({ ...contract, period, isFeeWaived })
    return { reply, subject: id, detail: isFeeWaived ? { to, feeWaived } : { to } }
  },
})
