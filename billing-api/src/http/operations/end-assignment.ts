import { Type } from '@fastify/type-provider-typebox'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import { closed } from '../../contract/contract.ts'
import type { Assignment } from '../../contract/contract.ts'
import { findAssignment, setEnd } from '../../postgres/contracts.ts'
import type { Sql } from '../../postgres/database.ts'
import { correctionsIn } from '../../postgres/usage-corrections.ts'
import { write } from '../operation.ts'
import { AssignmentReply, EndBody, Uuid } from '../schemas.ts'
import { holdRuled } from '../uninvoiced-accounts.ts'
import { endPeriod, held } from '../uninvoiced.ts'
import { assignmentView } from '../views.ts'

/** POST /v1/assignments/{assignment}/end */
export const endAssignment = write({
  id: 'endAssignment',
  path: '/v1/assignments/:assignment/end',
  scope: 'write',
  summary: 'Give an assignment an earlier end, not before what is invoiced',
  status: 200,
  action: 'assignment.end',
  params: Type.Object({ assignment: Uuid }),
  body: EndBody,
  reply: AssignmentReply,
  run: async ({ sql }, { params: { assignment: id }, body }) => {
    const assignment = await held(sql, () => findAssignment(sql, id), `assignment ${id}`)
    const period = await endPeriod(sql, assignment, body.to)
    await refuseTransferred(sql, assignment, period.to)
    await holdRuled(sql, { from: period.to, to: assignment.period.to }, '/to')
    await setEnd(sql, 'assignments', id, period.to)
    return { reply: assignmentView({ ...assignment, period }), subject: id }
  },
})

/** What was transferred to another account was taken from this assignment. */
async function refuseTransferred(
  sql: Sql,
  { account, resource, period }: Assignment,
  toMs: number,
): Promise<void> {
  const whole = closed(period)
  if (toMs >= whole.to) return
  const entries = await correctionsIn(sql, { from: toMs, to: whole.to })
  const transfer = entries.find(
    (entry) =>
      entry.kind === 'transfer' &&
      entry.fromAccount === account &&
      isSameOrDescendant(entry.resource, resource),
  )
  if (transfer !== undefined)
    throwFault(
      'ALREADY_EXISTS',
      `the entry ${transfer.correctionId} transfers usage of a later time from this assignment; withdraw it first`,
      { pointer: '/to' },
    )
}
