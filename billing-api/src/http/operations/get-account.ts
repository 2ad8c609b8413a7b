import { Type } from '@fastify/type-provider-typebox'
import { findAccount } from '../../postgres/accounts.ts'
import { found, read } from '../operation.ts'
import { AccountBody, Slug } from '../schemas.ts'

/** GET /v1/accounts/{account} */
export const getAccount = read({
  id: 'getAccount',
  path: '/v1/accounts/:account',
  scope: 'read',
  summary: 'An account',
  params: Type.Object({ account: Slug }),
  reply: AccountBody,
  run: async ({ database }, { params: { account } }) =>
    found(await findAccount(database, account), `account ${account}`),
})
