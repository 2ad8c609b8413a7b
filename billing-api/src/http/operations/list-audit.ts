import { listAudit as page } from '../../postgres/audit.ts'
import { listing } from '../listing.ts'
import { AuditReply } from '../schemas.ts'
import { auditView } from '../views.ts'

/** GET /v1/audit */
export const auditLog = listing({
  id: 'listAudit',
  path: '/v1/audit',
  scope: 'admin',
  summary: 'The audit log from its start; each hash covers the row before',
  item: AuditReply,
  key: /^[1-9][0-9]{0,17}$/,
  page,
  view: auditView,
})
