import { listRuleSets as page } from '../../postgres/rule-sets.ts'
import { RuleSetReply } from '../attribution-schemas.ts'
import { ruleSetView } from '../attribution-views.ts'
import { listing } from '../listing.ts'

/** GET /v1/attribution-rule-sets */
export const listRuleSets = listing({
  id: 'listRuleSets',
  path: '/v1/attribution-rule-sets',
  summary: 'Rule sets in the order of their making',
  item: RuleSetReply,
  key: /^[1-9][0-9]{0,8}$/,
  page,
  view: ruleSetView,
})
