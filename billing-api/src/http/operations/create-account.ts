import { parseZone } from '@vouch/proto/kernel/period.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { at } from '../../catalogue/item.ts'
import { insertAccount } from '../../postgres/accounts.ts'
import { write } from '../operation.ts'
import { AccountBody } from '../schemas.ts'

/** POST /v1/accounts */
export const createAccount = write({
  id: 'createAccount',
  path: '/v1/accounts',
  scope: 'write',
  summary: 'Add an account: somebody who pays',
  status: 201,
  action: 'account.create',
  body: AccountBody,
  reply: AccountBody,
  run: async ({ sql, nowMs }, { body }) => {
    const account = { ...body, timeZone: unwrap(at('/timeZone', parseZone(body.timeZone))) }
    await insertAccount(sql, account, nowMs)
    return { reply: account, subject: account.id }
  },
})
