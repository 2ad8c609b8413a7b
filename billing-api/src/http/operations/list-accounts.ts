import { listAccounts as page } from '../../postgres/accounts.ts'
import { SLUG_KEY, listing } from '../listing.ts'
import { AccountBody } from '../schemas.ts'

/** GET /v1/accounts */
export const listAccounts = listing({
  id: 'listAccounts',
  path: '/v1/accounts',
  summary: 'Accounts by id',
  item: AccountBody,
  key: SLUG_KEY,
  page,
  view: (account) => account,
})
