import { listContracts as page } from '../../postgres/contracts.ts'
import { UUID_KEY, listing } from '../listing.ts'
import { ContractReply } from '../contract-schemas.ts'
import { contractView } from '../views.ts'

/** GET /v1/contracts */
export const listContracts = listing({
  id: 'listContracts',
  path: '/v1/contracts',
  summary: 'Contracts in the order of their making',
  item: ContractReply,
  key: UUID_KEY,
  page,
  view: contractView,
})
