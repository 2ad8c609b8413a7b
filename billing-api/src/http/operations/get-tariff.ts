import { Type } from '@fastify/type-provider-typebox'
import { findTariff } from '../../postgres/catalogue.ts'
import { found, read } from '../operation.ts'
import { Slug, TariffReply, VersionQuery } from '../schemas.ts'
import { tariffView, versionOf } from '../views.ts'

/** GET /v1/tariffs/{tariff} */
export const getTariff = read({
  id: 'getTariff',
  path: '/v1/tariffs/:tariff',
  scope: 'read',
  summary: 'A version of a tariff; the newest if none is named',
  params: Type.Object({ tariff: Slug }),
  query: VersionQuery,
  reply: TariffReply,
  run: async ({ database }, { params: { tariff: id }, query }) =>
    tariffView(
      found(await findTariff(database, { id, version: versionOf(query) }), `tariff ${id} of this version`),
    ),
})
