import { listAssignments as page } from '../../postgres/contracts.ts'
import { UUID_KEY, listing } from '../listing.ts'
import { AssignmentReply } from '../schemas.ts'
import { assignmentView } from '../views.ts'

/** GET /v1/assignments */
export const listAssignments = listing({
  id: 'listAssignments',
  path: '/v1/assignments',
  summary: 'Assignments in the order of their making',
  item: AssignmentReply,
  key: UUID_KEY,
  page,
  view: assignmentView,
})
