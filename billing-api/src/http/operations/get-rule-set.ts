import { Type } from '@fastify/type-provider-typebox'
import { findRuleSet } from '../../postgres/rule-sets.ts'
import { RuleSetReply } from '../attribution-schemas.ts'
import { ruleSetView } from '../attribution-views.ts'
import { found, read } from '../operation.ts'

/** GET /v1/attribution-rule-sets/{version} */
export const getRuleSet = read({
  id: 'getRuleSet',
  path: '/v1/attribution-rule-sets/:version',
  scope: 'read',
  summary: 'A rule set',
  params: Type.Object({
    version: Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'A version number, from 1' }),
  }),
  reply: RuleSetReply,
  run: async ({ database }, { params: { version } }) =>
    ruleSetView(found(await findRuleSet(database, Number.parseInt(version, 10)), `rule set ${version}`)),
})
