import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { draftTariff, wantedItems } from '../../catalogue/tariff.ts'
import { findItem, insertTariff, nextTariffVersion } from '../../postgres/catalogue.ts'
import { write } from '../operation.ts'
import { TariffBody, TariffReply } from '../schemas.ts'
import { tariffView } from '../views.ts'

/** POST /v1/tariffs */
export const createTariff = write({
  id: 'createTariff',
  path: '/v1/tariffs',
  scope: 'write',
  summary: 'Publish a tariff, or a new version of one; a published version never changes',
  status: 201,
  action: 'tariff.publish',
  body: TariffBody,
  reply: TariffReply,
  run: async ({ sql, nowMs, rating }, { body }) => {
    const version = await nextTariffVersion(sql, body.id)
    const items = []
    for (const wanted of wantedItems(body)) items.push(await findItem(sql, wanted))
    const tariff = unwrap(draftTariff(body, version, items))
    await rating.checkTariff(tariff)
    await insertTariff(sql, tariff, nowMs)
    return { reply: tariffView(tariff), subject: tariff.tariffId, detail: { version } }
  },
})
