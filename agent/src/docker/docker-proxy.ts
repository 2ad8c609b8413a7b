import { createServer, get } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { FAULTS, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from '../config.ts'
import { listenAtSocket } from '../http/listen.ts'
import type { Logger } from '../ports.ts'

/** A running proxy. */
export interface DockerProxy {
  stop(): Promise<void>
}

const CONNECTIONS_MAX = 32
/** A client that is slower than this is cut off. */
const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 5000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
}
/** An engine that says nothing for so long is away; a stream of events may be silent. */
const ANSWER_TIMEOUT_MS = 30_000
/** What is passed on of the engine's headers; the client negotiates by the version of the API. */
const HEADERS = ['content-type', 'content-length', 'api-version', 'ostype'] as const

/** What may be asked, as it stands on the wire: nothing in it is encoded, so nothing reads as another path. */
const ALLOWED =
  /^(\/v\d{1,3}\.\d{1,3})?\/(containers\/json|containers\/\w[\w.-]{0,127}\/json|events|version|info|_ping)(\?|$)/
const EVENTS = /^[^?]*\/events(\?|$)/

/**
 * Offers what the agent reads of a container engine, and nothing else, at a UNIX socket of its own: whoever may use that
 * one sees containers and their settings, and cannot change anything. Everything else is FORBIDDEN. Faults: PORT_IN_USE,
 * CONFIG_INVALID where both sockets are one.
 */
export async function startDockerProxy(
  { dockerSocket, dockerProxySocket }: Pick<AgentConfig, 'dockerSocket' | 'dockerProxySocket'>,
  logger: Logger,
): Promise<Result<DockerProxy>> {
  const pointer = 'VOUCH_AGENT_DOCKER_PROXY_SOCKET'
  if (dockerSocket === dockerProxySocket)
    return fail('CONFIG_INVALID', `${dockerSocket} cannot be the engine and its proxy`, { pointer })
  const server = createServer(LIMITS, (request, response) => {
    const { method, url = '' } = request
    if (isAllowed(request)) return forward(dockerSocket, url, response, logger)
    logger.warn({ method, url: url.slice(0, 200) }, 'refused')
    response.shouldKeepAlive = false
    response.once('finish', () => request.destroy())
    problem(response, fail('FORBIDDEN', 'this socket answers only what the agent reads').fault)
  })
  server.maxConnections = CONNECTIONS_MAX
  if (!(await listenAtSocket(server, dockerProxySocket)))
    return fail('PORT_IN_USE', `${dockerProxySocket} is in use, no socket, or not writable`, { pointer })
  logger.info({ socket: dockerProxySocket, engine: dockerSocket }, 'listening')
  return ok({
    stop: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      server.closeAllConnections()
      return promise
    },
  })
}

function isAllowed({ method, url = '', headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  return method === 'GET' && ALLOWED.test(url) && headers.upgrade === undefined && !hasBody
}

/** Asks the engine by a request of the proxy's own: of the client's there is nothing in it but path and query. */
function forward(engine: string, path: string, response: ServerResponse, logger: Logger): void {
  const asked = get({ socketPath: engine, path, headers: { host: 'docker' }, agent: false })
  const isAway = (why: string): void => {
    asked.destroy()
    if (response.destroyed) return
    logger.warn({ why }, 'the engine does not answer')
    if (response.headersSent) response.destroy()
    else problem(response, fail('UNAVAILABLE', 'the container engine does not answer').fault)
  }
  response.once('close', () => asked.destroy())
  asked.setTimeout(ANSWER_TIMEOUT_MS, () => isAway('it is silent'))
  asked.once('error', (error) => isAway(error.message))
  asked.once('upgrade', () => isAway('it would speak something else'))
  asked.once('response', (answer) => {
    if (EVENTS.test(path)) asked.setTimeout(0)
    response.writeHead(answer.statusCode ?? 500, headersOf(answer.headers))
    // Who waits for events learns at once that they are listened for.
    response.flushHeaders()
    pipeline(answer, response, (error) => {
      if (error) response.destroy()
    })
  })
}

function headersOf(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = HEADERS.map((name) => [name, headers[name]] as const)
  return Object.fromEntries(
    kept.filter((entry): entry is [(typeof HEADERS)[number], string] => typeof entry[1] === 'string'),
  )
}

/** Answers as an engine does, so that its clients show the message. */
function problem(response: ServerResponse, { code, message }: Fault): void {
  const body = `${JSON.stringify({ message: `${code}: ${message}`, code })}\n`
  response.writeHead(FAULTS[code].http, { 'content-type': 'application/json' }).end(body)
}
