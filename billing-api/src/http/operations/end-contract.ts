import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { Type } from '@fastify/type-provider-typebox'
import { termCutShort } from '../../contract/contract.ts'
import type { Contract } from '../../contract/contract.ts'
import { contractsIn, findContract, setEnd, setFeeWaived } from '../../postgres/contracts.ts'
import type { Sql } from '../../postgres/database.ts'
import { write } from '../operation.ts'
import { ContractReply, EndContractBody } from '../contract-schemas.ts'
import { Uuid } from '../schemas.ts'
import { endPeriod, held } from '../uninvoiced.ts'
import { contractView } from '../views.ts'

/** All contracts of the account, with one of them as it is after its end is set. */
async function withEnd(sql: Sql, ended: Contract): Promise<Contract[]> {
  const all = await contractsIn(sql, ended.account, { from: 0, to: undefined })
  return all.map((contract) => (contract.id === ended.id ? ended : contract))
}

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
    const ended = { ...contract, period, isFeeWaived: false }
    if (isFeeWaived && termCutShort(ended, await withEnd(sql, ended)) === undefined)
      throwFault('FIELD_INVALID', 'it cuts no agreed term short: no fee is due', { pointer: '/feeWaived' })
    await setEnd(sql, 'contracts', id, period.to)
    await setFeeWaived(sql, id, isFeeWaived)
    const reply = contractView({ ...ended, isFeeWaived })
    return { reply, subject: id, detail: isFeeWaived ? { to, feeWaived } : { to } }
  },
})
