import type { Static } from '@fastify/type-provider-typebox'
import { failures, summarise, unwrap } from '@vouch/proto/kernel/fault.ts'
import { draftTariff, wantedItems } from '../../catalogue/tariff.ts'
import type { TariffDraft } from '../../catalogue/tariff.ts'
import type { Rating } from '../../ports.ts'
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
    const draft = draftTariff(body, version, items)
    await refuseFaulty(draft, body, rating)
    const { tariff } = draft
    await insertTariff(sql, tariff, nowMs)
    return { reply: tariffView(tariff), subject: tariff.tariffId, detail: { version } }
  },
})

/** All faults at once, those of the request itself first; rating's of the same places say the same again. */
async function refuseFaulty(
  { tariff, faults, isPlain }: TariffDraft,
  { rules }: Static<typeof TariffBody>,
  rating: Pick<Rating, 'checkTariff'>,
): Promise<void> {
  const [first, ...others] = faults
  // Prices by the item are no rules of whoever asks: what rating says of those would point at nothing.
  const isRead = first === undefined || (rules !== undefined && isPlain)
  const places = new Set(faults.map(({ pointer }) => pointer))
  const more = isRead ? (await rating.checkTariff(tariff)).filter(({ pointer }) => !places.has(pointer)) : []
  if (more.length > 0) unwrap(failures('TARIFF_INVALID', '', [...faults, ...more]))
  if (first !== undefined) unwrap(summarise([first, ...others]))
}
