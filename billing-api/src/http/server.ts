import fastifySwagger from '@fastify/swagger'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { FaultError, fail, throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseJson } from '@vouch/proto/kernel/json.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { metered } from './metrics.ts'
import { OPERATIONS } from './operations.ts'
import type { Services } from './operation.ts'
import { Problem, sendProblem } from './problem.ts'
import { compileValidator } from './validation.ts'

/** Certificate and key, PEM. */
export interface ServerTls {
  readonly cert: Buffer
  readonly key: Buffer
}

const BODY_BYTES_MAX = 1024 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const IDLE_TIMEOUT_MS = 75_000

/** The interface's own description, as served and as committed. */
export async function describeInterface(): Promise<object> {
  const nothing = (): never => throwFault('UNSUPPORTED', 'this server only describes itself')
  const app = await createServer(new Proxy({} as Services, { get: nothing }), nothing)
  return app.swagger()
}

/** The HTTP interface, not listening yet. `ready` says whether it can serve. */
export async function createServer(
  services: Services,
  ready: () => Promise<void>,
  tls?: ServerTls,
): Promise<FastifyInstance> {
  const app = Fastify({
    ...(tls === undefined ? {} : { https: tls }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    genReqId: () => Buffer.from(services.chance.random(12)).toString('base64url'),
    frameworkErrors: (error, request, reply) => void sendProblem(services.logger, error, request, reply),
    routerOptions: { maxParamLength: 200 },
  }) as FastifyInstance
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    const parsed = parseBody(Buffer.from(body))
    if (parsed.ok) done(null, parsed.value)
    else done(new FaultError(parsed.fault))
  })
  app.setErrorHandler((error, request, reply) => sendProblem(services.logger, error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      services.logger,
      new FaultError(fail('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`).fault),
      request,
      reply,
    ),
  )
  metered(app)
  app.addSchema({ $id: 'Problem', ...Problem })
  await app.register(fastifySwagger, {
    openapi: OPENAPI,
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) =>
        typeof $id === 'string' ? $id : `Schema${index}`,
    },
  })
  for (const operation of OPERATIONS) operation(app, services)
  probes(app, ready)
  await app.ready()
  return app
}

/** JSON text is UTF-8 without a mark; anything repaired here would be other text than the caller sent. */
function parseBody(bytes: Uint8Array): Result<JsonValue> {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return fail('BODY_MALFORMED', 'the body is not UTF-8')
  }
}

const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Vouch billing',
    version: '1',
    description:
      'Catalogue, contracts, invoices, ledger. Amounts are decimal strings with a currency, times RFC 3339, periods half-open. ' +
      'Every write needs an Idempotency-Key: the same request under the same key is done once and answered the same.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  components: {
    securitySchemes: { apiKey: { type: 'http' as const, scheme: 'bearer', bearerFormat: 'vouch_…' } },
  },
  security: [{ apiKey: [] }],
}

function probes(app: FastifyInstance, ready: () => Promise<void>): void {
  const hidden = { schema: { hide: true } }
  app.get('/v1/openapi.json', hidden, async (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(app.swagger())),
  )
  app.get('/livez', hidden, async (_request, reply) => reply.send({ live: true }))
  app.get('/readyz', hidden, async (_request, reply) => {
    await ready()
    return reply.send({ ready: true })
  })
}
