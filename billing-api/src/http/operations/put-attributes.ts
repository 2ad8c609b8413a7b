import { collect, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parseInstant } from '@vouch/proto/kernel/period.ts'
import { replacement } from '../../attribution/attributes.ts'
import { reads } from '../../attribution/rule-set.ts'
import { at } from '../../catalogue/item.ts'
import { attributeHistory, replaceAttributes } from '../../postgres/resource-attributes.ts'
import { lockAttribution, ruleSetsIn } from '../../postgres/rule-sets.ts'
import { AttributesBody, AttributesReply } from '../attribution-schemas.ts'
import { attributesView } from '../attribution-views.ts'
import { write } from '../operation.ts'
import { holdAllUninvoiced } from '../uninvoiced-accounts.ts'

/** PUT /v1/resources/attributes */
export const putAttributes = write({
  id: 'putAttributes',
  path: '/v1/resources/attributes',
  method: 'PUT',
  scope: 'write',
  summary:
    'Give a resource attributes from an instant on, in place of those that it has itself, until the next ones begin',
  status: 200,
  action: 'attributes.put',
  body: AttributesBody,
  reply: AttributesReply,
  run: async ({ sql, nowMs }, { body }) => {
    const [resource, from] = [
      at('/resource', parseResourceId(body.resource)),
      at('/from', parseInstant(body.from)),
    ]
    unwrap(collect<unknown>([resource, from]))
    await lockAttribution(sql)
    const history = await attributeHistory(sql, unwrap(resource))
    const change = replacement(history, unwrap(from), body.attributes)
    const set = { resource: unwrap(resource), attributes: body.attributes, period: change.period }
    const ruleSets = await ruleSetsIn(sql, change.period)
    const affected = ruleSets.filter((rules) => reads(rules, set.resource, change.changed))
    await holdAllUninvoiced(sql, affected, change.period, '/from')
    await replaceAttributes(sql, set, change, nowMs)
    return { reply: attributesView(set), subject: set.resource }
  },
})
