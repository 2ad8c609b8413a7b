import { Type } from '@fastify/type-provider-typebox'
import { findContract, setEnd } from '../../postgres/contracts.ts'
import { write } from '../operation.ts'
import { ContractReply, EndBody, Uuid } from '../schemas.ts'
import { endPeriod, held } from '../uninvoiced.ts'
import { contractView } from '../views.ts'

/** POST /v1/contracts/{contract}/end */
export const endContract = write({
  id: 'endContract',
  path: '/v1/contracts/:contract/end',
  scope: 'write',
  summary: 'Give a contract an earlier end, not before what is invoiced',
  status: 200,
  action: 'contract.end',
  params: Type.Object({ contract: Uuid }),
  body: EndBody,
  reply: ContractReply,
  run: async ({ sql }, { params: { contract: id }, body }) => {
    const contract = await held(sql, () => findContract(sql, id), `contract ${id}`)
    const period = await endPeriod(sql, contract, body.to)
    await setEnd(sql, 'contracts', id, period.to)
    return { reply: contractView({ ...contract, period }), subject: id }
  },
})
