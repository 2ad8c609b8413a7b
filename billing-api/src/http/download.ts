import { Type } from '@fastify/type-provider-typebox'
import type { Static, TObject, TProperties } from '@fastify/type-provider-typebox'
import type { Scope } from '../postgres/api-keys.ts'
import { csvOf } from '../tabular/csv.ts'
import { parquetOf } from '../tabular/parquet.ts'
import type { Table } from '../ports.ts'
import { authenticate } from './authentication.ts'
import { describe, PROBLEM } from './operation.ts'
import type { Operation, Services } from './operation.ts'

/** A table that is fetched in one of several forms. */
interface Download<P extends TObject, Q extends TProperties> {
  readonly id: string
  readonly path: string
  readonly scope: Scope
  readonly summary: string
  readonly params?: P
  readonly query: Q
  run(
    services: Services,
    input: { readonly params: Static<P>; readonly query: Static<ReturnType<typeof Type.Object<Q>>> },
  ): Promise<Table>
}

/** The forms, by the name that the query gives. */
const FORMATS = {
  csv: { mediaType: 'text/csv; charset=utf-8', encode: csvOf },
  parquet: { mediaType: 'application/vnd.apache.parquet', encode: parquetOf },
  json: {
    mediaType: 'application/json',
    encode: ({ rows }: Table) => new TextEncoder().encode(JSON.stringify({ rows })),
  },
} as const

const Format = Type.Optional(
  Type.Enum(Object.keys(FORMATS) as (keyof typeof FORMATS)[], { description: 'csv if absent' }),
)

/** Makes a read whose answer is a table as CSV, Parquet or JSON; decimals are exact in each. */
export function download<P extends TObject, Q extends TProperties>(operation: Download<P, Q>): Operation {
  const content = Object.fromEntries(
    Object.values(FORMATS).map(({ mediaType }) => [mediaType, { schema: Type.Unsafe({ type: 'string' }) }]),
  )
  const query = Type.Object({ ...operation.query, format: Format }, { additionalProperties: false })
  return (app, services) => {
    app.route({
      method: 'GET',
      url: operation.path,
      schema: {
        ...describe(operation),
        querystring: query,
        response: { 200: { description: 'Done', content }, default: PROBLEM },
      },
      onRequest: async (request) => void (await authenticate(services, request, operation.scope)),
      handler: async (request, reply) => {
        const { format = 'csv' } = request.query as { readonly format?: keyof typeof FORMATS }
        const { mediaType, encode } = FORMATS[format]
        const { params, query: asked } = request
        const table = await operation.run(services, { params, query: asked } as Parameters<
          typeof operation.run
        >[1])
        const bytes = encode(table)
        return reply.type(mediaType).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      },
    })
  }
}
