import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseInstant } from '@vouch/proto/kernel/period.ts'
import { accountsNamed, draftRuleSet } from '../../attribution/draft.ts'
import {
  insertRuleSet,
  isTaken,
  knownAccounts,
  lockAttribution,
  nextEffectiveFrom,
  nextRuleSetVersion,
  ruleSetsIn,
} from '../../postgres/rule-sets.ts'
import { RuleSetBody, RuleSetReply } from '../attribution-schemas.ts'
import { ruleSetView } from '../attribution-views.ts'
import { write } from '../operation.ts'
import { holdAllUninvoiced } from '../uninvoiced-accounts.ts'

/** POST /v1/attribution-rule-sets */
export const createRuleSet = write({
  id: 'createRuleSet',
  path: '/v1/attribution-rule-sets',
  scope: 'write',
  summary:
    'Put attribution rules in force from an instant on, until those of a later instant; they never change',
  status: 201,
  action: 'rule-set.create',
  body: RuleSetBody,
  reply: RuleSetReply,
  run: async ({ sql, nowMs }, { body }) => {
    await lockAttribution(sql)
    const from = parseInstant(body.effectiveFrom)
    const context = {
      version: await nextRuleSetVersion(sql),
      accounts: await knownAccounts(sql, accountsNamed(body)),
      taken: from.ok && (await isTaken(sql, from.value)),
    }
    const set = unwrap(draftRuleSet(body, context))
    const stretch = { from: set.effectiveFrom, to: await nextEffectiveFrom(sql, set.effectiveFrom) }
    const before = await ruleSetsIn(sql, stretch)
    await holdAllUninvoiced(sql, [...before, set], stretch, '/effectiveFrom')
    await insertRuleSet(sql, set, nowMs)
    return { reply: ruleSetView(set), subject: `${set.version}` }
  },
})
