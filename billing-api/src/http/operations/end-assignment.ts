import { Type } from '@fastify/type-provider-typebox'
import { findAssignment, setEnd } from '../../postgres/contracts.ts'
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
    await holdRuled(sql, { from: period.to, to: assignment.period.to }, '/to')
    await setEnd(sql, 'assignments', id, period.to)
    return { reply: assignmentView({ ...assignment, period }), subject: id }
  },
})
