import { FaultError, summarise, unwrap } from '@vouch/proto/kernel/fault.ts'
import { intersect, parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { accountsNamed, draftRuleSet } from '../../attribution/draft.ts'
import { preview } from '../../attribution/preview.ts'
import type { RuleSet } from '../../attribution/rule-set.ts'
import { at } from '../../catalogue/item.ts'
import { closed } from '../../contract/contract.ts'
import { resourceLinesIn, surroundingsOf } from '../../postgres/attributed.ts'
import type { Sql } from '../../postgres/database.ts'
import { knownAccounts, nextEffectiveFrom } from '../../postgres/rule-sets.ts'
import { PreviewBody, PreviewReply } from '../attribution-schemas.ts'
import { previewView } from '../attribution-views.ts'
import { write } from '../operation.ts'

/** The version that a candidate has in faults and reasons; none that is kept. */
const CANDIDATE = 0

/** POST /v1/attribution-previews */
export const previewAttribution = write({
  id: 'previewAttribution',
  path: '/v1/attribution-previews',
  scope: 'write',
  summary:
    'What a rule set would move: invoice lines of one resource, drafts and issued, split by time and share over those who would bear them; changes nothing',
  status: 200,
  action: 'attribution.preview',
  body: PreviewBody,
  reply: PreviewReply,
  run: async ({ sql }, { body }) => {
    const drafted = draftRuleSet(body.ruleSet, {
      version: CANDIDATE,
      accounts: await knownAccounts(sql, accountsNamed(body.ruleSet)),
      base: '/ruleSet',
    })
    const asked = at('/period', parsePeriod(body.period.from, body.period.to))
    const faults = [drafted, asked].flatMap((result) =>
      result.ok ? [] : (result.fault.causes ?? [result.fault]),
    )
    const [first, ...rest] = faults
    if (first !== undefined) throw new FaultError(summarise([first, ...rest]).fault)
    const [candidate, period] = [unwrap(drafted), unwrap(asked)]
    const lines = await resourceLinesIn(sql, period)
    const stretch = await inForce(sql, candidate, period)
    if (stretch === undefined)
      return { reply: previewView(lines.length, { moves: [], balances: [] }), subject: 'none' }
    const resources = [...new Set(lines.map(({ resource }) => resource))]
    const { world, holdings } = await surroundingsOf(sql, resources, stretch)
    const kept = body.keepAssigned === true ? holdings : new Map()
    const found = preview({ ...world, ruleSets: [candidate] }, stretch, lines, kept)
    return { reply: previewView(lines.length, found), subject: 'candidate' }
  },
})

/** The part of a period in which the candidate would be in force. */
async function inForce(
  sql: Sql,
  { effectiveFrom: from }: RuleSet,
  period: Period,
): Promise<Period | undefined> {
  return intersect(closed({ from, to: await nextEffectiveFrom(sql, from) }), period)
}
