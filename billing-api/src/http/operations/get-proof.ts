import { Type } from '@fastify/type-provider-typebox'
import { findProof } from '../../postgres/invoices.ts'
import { document, found } from '../operation.ts'
import { Uuid } from '../schemas.ts'

/** GET /v1/invoices/{invoice}/proof */
export const getProof = document({
  id: 'getProof',
  path: '/v1/invoices/:invoice/proof',
  scope: 'read',
  summary: "An issued invoice's proof, byte for byte as sealed; check it with vouch-verify",
  params: Type.Object({ invoice: Uuid }),
  mediaType: 'application/json',
  run: async ({ database }, { params: { invoice: id } }) =>
    found(await findProof(database, id), `proof of invoice ${id}; only issued invoices have one`),
})
