import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import { compare } from '@vouch/proto/kernel/rational.ts'
import { at } from '../../catalogue/item.ts'
import { insertAvailability } from '../../postgres/availability.ts'
import { write } from '../operation.ts'
import { AvailabilityBody } from '../schemas.ts'
import { holdUninvoiced } from '../uninvoiced.ts'

/** POST /v1/availability */
export const noteAvailability = write({
  id: 'noteAvailability',
  path: '/v1/availability',
  scope: 'write',
  summary: 'Say how available a service was to an account; credits for availability rest on it',
  status: 201,
  action: 'availability.note',
  body: AvailabilityBody,
  reply: AvailabilityBody,
  run: async ({ sql, nowMs }, { body }) => {
    const period = unwrap(at('/period', parsePeriod(body.period.from, body.period.to)))
    const [expected, available] = [unwrap(parseDecimal(body.expected)), unwrap(parseDecimal(body.available))]
    if (compare(available, expected) > 0)
      unwrap(fail('OUT_OF_RANGE', 'no more can be available than was expected', { pointer: '/available' }))
    await holdUninvoiced(sql, body.account, period)
    await insertAvailability(sql, { ...body, period }, nowMs)
    return { reply: body, subject: body.account, detail: { service: body.service } }
  },
})
