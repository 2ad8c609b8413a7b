import { listTariffs as page } from '../../postgres/catalogue.ts'
import { SLUG_KEY, listing } from '../listing.ts'
import { TariffReply } from '../schemas.ts'
import { tariffView } from '../views.ts'

/** GET /v1/tariffs */
export const listTariffs = listing({
  id: 'listTariffs',
  path: '/v1/tariffs',
  summary: 'Tariffs by id, the newest version of each',
  item: TariffReply,
  key: SLUG_KEY,
  page,
  view: tariffView,
})
