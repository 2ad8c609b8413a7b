import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from '@fastify/type-provider-typebox'
import type { Static, TObject, TSchema } from '@fastify/type-provider-typebox'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { canonicalJson } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Party } from '../invoice/invoice.ts'
import type { Chance, Logger, Rating } from '../ports.ts'
import type { ApiKey, Scope } from '../postgres/api-keys.ts'
import { appendAudit } from '../postgres/audit.ts'
import type { Database, Sql } from '../postgres/database.ts'
import { recall, remember } from '../postgres/idempotency.ts'
import type { Answer } from '../postgres/idempotency.ts'
import { authenticate } from './authentication.ts'

/** What operations work with. */
export interface Services {
  readonly database: Database
  readonly rating: Rating
  readonly issuer: Signer
  readonly seller: Party
  /** Days after the year of issue for which evidence is kept. */
  readonly documentRetentionDays: number
  readonly chance: Chance
  readonly logger: Logger
}

/** Adds one operation to the server. */
export type Operation = (app: FastifyInstance, services: Services) => void

/** What every operation says about itself. */
interface Description<P extends TObject> {
  /** Name in OpenAPI. */
  readonly id: string
  readonly path: string
  readonly scope: Scope
  readonly summary: string
  readonly params?: P
}

/** An operation that changes nothing. */
interface Read<P extends TObject, Q extends TObject, R extends TSchema> extends Description<P> {
  readonly query?: Q
  readonly reply: R
  run(
    services: Services,
    input: { readonly params: Static<P>; readonly query: Static<Q> },
  ): Promise<Static<R>>
}

/** What a write leaves behind besides its reply. */
interface Written<R> {
  readonly reply: R
  /** Id of the thing written, and what the audit log says of it. */
  readonly subject: string
  readonly detail?: JsonObject
}

/** An operation that changes something: at most once for each Idempotency-Key, and never unlogged. */
interface Write<P extends TObject, B extends TObject, R extends TSchema> extends Description<P> {
  readonly method?: 'POST' | 'PUT' | 'DELETE'
  readonly status: 200 | 201
  /** Verb and noun for the audit log. */
  readonly action: string
  readonly body?: B
  readonly reply: R
  run(
    context: WriteContext,
    input: { readonly params: Static<P>; readonly body: Static<B> },
  ): Promise<Written<Static<R>>>
}

/** A write's transaction and instant. */
export interface WriteContext extends Services {
  readonly sql: Sql
  readonly nowMs: number
  /** Id of the API key that writes. */
  readonly actor: string
}

const NOTHING = Type.Object({}, { additionalProperties: false })
const KEY_CHARACTERS_MAX = 255
/** The answer of every operation where it fails. */
export const PROBLEM = {
  description: 'A fault',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
}

/** Makes a read. */
export function read<P extends TObject, Q extends TObject, R extends TSchema>(
  operation: Read<P, Q, R>,
): Operation {
  return (app, services) => {
    app.route({
      method: 'GET',
      url: operation.path,
      schema: {
        ...describe(operation),
        querystring: operation.query ?? NOTHING,
        response: replies(200, operation.reply),
      },
      onRequest: async (request) => void (await authenticate(services, request, operation.scope)),
      handler: async (request, reply) => {
        const input = { params: request.params as Static<P>, query: request.query as Static<Q> }
        return reply.send(await operation.run(services, input))
      },
    })
  }
}

/** An operation that answers with a file. */
interface Document<P extends TObject> extends Description<P> {
  readonly mediaType: string
  run(services: Services, input: { readonly params: Static<P> }): Promise<Uint8Array>
}

/** Makes a read whose answer is a file. */
export function document<P extends TObject>(operation: Document<P>): Operation {
  const { mediaType } = operation
  const file = { description: 'Done', content: { [mediaType]: { schema: Type.Unsafe({ type: 'string' }) } } }
  return (app, services) => {
    app.route({
      method: 'GET',
      url: operation.path,
      schema: { ...describe(operation), querystring: NOTHING, response: { 200: file, default: PROBLEM } },
      onRequest: async (request) => void (await authenticate(services, request, operation.scope)),
      handler: async (request, reply) => {
        const bytes = await operation.run(services, { params: request.params as Static<P> })
        return reply.type(mediaType).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
      },
    })
  }
}

/** Makes a write: work, audit row and remembered answer commit together or not at all. */
export function write<P extends TObject, B extends TObject, R extends TSchema>(
  operation: Write<P, B, R>,
): Operation {
  return (app, services) => {
    const callers = new WeakMap<FastifyRequest, ApiKey>()
    app.route({
      method: operation.method ?? 'POST',
      url: operation.path,
      schema: {
        ...describe(operation),
        headers: Type.Object({
          'idempotency-key': Type.String({ minLength: 1, maxLength: KEY_CHARACTERS_MAX }),
        }),
        ...(operation.body === undefined ? {} : { body: operation.body }),
        response: replies(operation.status, operation.reply),
      },
      onRequest: async (request) => {
        callers.set(request, await authenticate(services, request, operation.scope))
      },
      handler: async (request, reply) => {
        const caller = callers.get(request)
        if (caller === undefined) throw new Error('a write ran without a caller')
        return send(reply, await execute(operation, services, request, caller))
      },
    })
  }
}

async function execute<P extends TObject, B extends TObject, R extends TSchema>(
  operation: Write<P, B, R>,
  services: Services,
  request: FastifyRequest,
  caller: ApiKey,
): Promise<Answer & { readonly replayed: boolean }> {
  const body = (request.body ?? null) as JsonValue
  const identity = {
    apiKey: caller.id,
    key: String(request.headers['idempotency-key']),
    bodyHash: sha256(new TextEncoder().encode(`${request.method} ${request.url}\n${canonicalJson(body)}`)),
  }
  return services.database.transaction(async (sql) => {
    const earlier = await recall(sql, identity)
    if (earlier !== undefined) return { ...earlier, replayed: true }
    const nowMs = services.chance.nowMs()
    if (operation.body === undefined && body !== null) {
      throwFault('FIELD_UNKNOWN', 'this operation takes no body; send none')
    }
    const input = { params: request.params as Static<P>, body: request.body as Static<B> }
    const {
      reply,
      subject,
      detail = {},
    } = await operation.run({ ...services, sql, nowMs, actor: caller.id }, input)
    const answer = { status: operation.status, response: JSON.stringify(reply) }
    await remember(sql, identity, answer, nowMs)
    await appendAudit(sql, {
      atMs: nowMs,
      actor: caller.id,
      action: operation.action,
      subject,
      detail: { request: body, ...detail },
    })
    return { ...answer, replayed: false }
  })
}

function send(reply: FastifyReply, answer: Answer & { readonly replayed: boolean }): FastifyReply {
  if (answer.replayed) void reply.header('idempotency-replayed', 'true')
  return reply.code(answer.status).type('application/json').send(answer.response)
}

/** What OpenAPI says of an operation. */
export function describe<P extends TObject>({ id, summary, scope, params }: Description<P>) {
  const description = `Needs an API key with the scope \`${scope}\`.`
  return { operationId: id, summary, description, ...(params === undefined ? {} : { params }) }
}

function replies(status: number, reply: TSchema) {
  return {
    [status]: { description: 'Done', content: { 'application/json': { schema: reply } } },
    default: PROBLEM,
  }
}

/** The value, or NOT_FOUND in these words. */
export function found<T>(value: T | undefined, what: string): T {
  return value ?? throwFault('NOT_FOUND', `there is no ${what}`)
}
