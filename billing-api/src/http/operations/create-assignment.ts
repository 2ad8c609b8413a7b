import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId, uuidV7 } from '@vouch/proto/kernel/id.ts'
import { at } from '../../catalogue/item.ts'
import type { Assignment } from '../../contract/contract.ts'
import { insertAssignment } from '../../postgres/contracts.ts'
import { write } from '../operation.ts'
import { AssignmentBody, AssignmentReply } from '../schemas.ts'
import { holdRuled } from '../uninvoiced-accounts.ts'
import { holdUninvoiced } from '../uninvoiced.ts'
import { assignmentView, openPeriodOf } from '../views.ts'

/** POST /v1/assignments */
export const createAssignment = write({
  id: 'createAssignment',
  path: '/v1/assignments',
  scope: 'write',
  summary: 'Put a resource, with everything below it, on the bill of an account for a period',
  status: 201,
  action: 'assignment.create',
  body: AssignmentBody,
  reply: AssignmentReply,
  run: async ({ sql, nowMs, chance }, { body }) => {
    const period = unwrap(at('/period', openPeriodOf(body.period)))
    const resource = unwrap(at('/resource', parseResourceId(body.resource)))
    await holdUninvoiced(sql, body.account, period)
    await holdRuled(sql, period, '/period')
    const id = uuidV7(nowMs, chance.random(10))
    const { account, dimensions = {} } = body
    const assignment: Assignment = { id, account, resource, period, dimensions }
    await insertAssignment(sql, assignment, nowMs)
    return { reply: assignmentView(assignment), subject: assignment.id }
  },
})
