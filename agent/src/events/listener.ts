import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { FAULTS, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { parseAddress } from '@vouch/proto/kernel/address.ts'
import { listenAtSocket, listening } from '../http/listen.ts'
import type { Logger } from '../ports.ts'
import { indexOf } from './intake.ts'
import type { Intake } from './intake.ts'

/** A running listener. */
export interface Listener {
  /** `host:port` with the port taken, or the socket as it was given. */
  readonly address: string
  /** Takes no further requests; settles when those in progress are answered. */
  stop(): Promise<void>
}

const CONNECTIONS_MAX = 200
const BODIES_BYTES_MAX = 64 * 2 ** 20
const STOP_MS = 5000
const UNIX = 'unix:'
const PATHS = new Set(['/', '/v1/events'])
/** A sender that is slower than this is cut off. */
const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
}

/** Takes events at a loopback `host:port` or at `unix:` and a path. Faults: PORT_IN_USE. */
export async function startListener(
  address: string,
  intake: Intake,
  bodyBytesMax: number,
  logger: Logger,
): Promise<Result<Listener>> {
  const service = new Service(intake, bodyBytesMax, logger)
  const server = createServer(LIMITS, (request, response) => void service.serve(request, response))
  server.maxConnections = CONNECTIONS_MAX
  const begun = address.startsWith(UNIX)
    ? await listenAtPath(server, address)
    : await listenAtPort(server, address)
  if (!begun.ok) return begun
  return ok({ address: begun.value, stop: () => stopped(server, service) })
}

class Service {
  isStopping = false
  readonly #intake: Intake
  readonly #bodyBytesMax: number
  readonly #logger: Logger
  /** Octets of all bodies being read or waiting for the disk. */
  #bytes = 0

  constructor(intake: Intake, bodyBytesMax: number, logger: Logger) {
    this.#intake = intake
    this.#bodyBytesMax = bodyBytesMax
    this.#logger = logger
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    let length = 0
    try {
      const objection = this.#objection(request)
      if (objection !== undefined) return this.#refuse(request, response, objection)
      for await (const chunk of request as AsyncIterable<Buffer>) {
        length += chunk.length
        this.#bytes += chunk.length
        chunks.push(chunk)
        if (length > this.#bodyBytesMax) {
          const { fault } = this.#tooLarge()
          this.#intake.refuse(fault, Buffer.concat(chunks))
          return this.#refuse(request, response, fault)
        }
        if (this.#bytes > Math.max(BODIES_BYTES_MAX, 2 * this.#bodyBytesMax))
          return this.#refuse(request, response, fail('UNAVAILABLE', 'too much arrives at once').fault)
      }
      const outcome = await this.#intake.take(request, Buffer.concat(chunks))
      if (outcome.ok) this.#reply(response, 200, 'application/json', { ...outcome.value })
      else this.#problem(response, outcome.fault)
    } catch (error) {
      // A sender that went away has no answer to wait for.
      if (request.destroyed && !request.complete) return
      const why = error instanceof Error ? error.message : String(error)
      this.#logger.error({ why }, 'events could not be counted')
      this.#problem(response, fail('INTERNAL', 'the events could not be counted; send them again').fault)
    } finally {
      this.#bytes -= length
    }
  }

  #objection({ headers, method, url = '' }: IncomingMessage): Fault | undefined {
    // A page in a browser says where it is from; no sender of events is a page.
    if (headers.origin !== undefined) return fail('FORBIDDEN', 'no events are taken from browsers').fault
    if (method !== 'POST' || !PATHS.has(url))
      return fail('NOT_FOUND', 'events are taken by POST at / and /v1/events').fault
    if (Number.parseInt(headers['content-length'] ?? '0', 10) <= this.#bodyBytesMax) return undefined
    const { fault } = this.#tooLarge()
    this.#intake.refuse(fault, new Uint8Array())
    return fault
  }

  #tooLarge(): { readonly fault: Fault } {
    return fail('BODY_TOO_LARGE', `a request has at most ${this.#bodyBytesMax} octets`)
  }

  /** Answers without reading on, and ends the connection with the answer. */
  #refuse(request: IncomingMessage, response: ServerResponse, fault: Fault): void {
    response.shouldKeepAlive = false
    response.once('finish', () => request.destroy())
    this.#problem(response, fault)
  }

  #problem(response: ServerResponse, fault: Fault): void {
    const { http, meaning, remedy } = FAULTS[fault.code]
    if (http === 503) response.setHeader('retry-after', '1')
    this.#reply(response, http, 'application/problem+json', {
      type: `urn:vouch:fault:${fault.code}`,
      title: meaning,
      status: http,
      detail: fault.message,
      remedy,
      ...placeOf(fault),
      ...(fault.causes === undefined
        ? {}
        : { errors: fault.causes.map((cause) => ({ detail: cause.message, ...placeOf(cause) })) }),
    })
  }

  #reply(response: ServerResponse, status: number, type: string, body: object): void {
    if (this.isStopping) response.shouldKeepAlive = false
    response.writeHead(status, { 'content-type': type }).end(`${JSON.stringify(body)}\n`)
  }
}

function placeOf(fault: Fault): object {
  const { code, pointer } = fault
  const index = indexOf(fault)
  return { code, ...(pointer === undefined ? {} : { pointer }), ...(index === undefined ? {} : { index }) }
}

async function listenAtPort(server: Server, address: string): Promise<Result<string>> {
  const parsed = parseAddress(address)
  if (!parsed.ok) return parsed
  const { host, port } = parsed.value
  if (!(await listening(server, () => server.listen(port, host))))
    return fail('PORT_IN_USE', `${address} cannot be listened on; choose another port`, {
      pointer: 'VOUCH_AGENT_EVENTS_LISTEN',
    })
  const bound = server.address()
  const taken = typeof bound === 'object' && bound !== null ? bound.port : port
  return ok(`${address.slice(0, address.lastIndexOf(':'))}:${taken}`)
}

async function listenAtPath(server: Server, address: string): Promise<Result<string>> {
  const path = address.slice(UNIX.length)
  if (await listenAtSocket(server, path)) return ok(address)
  const why = `${path} cannot be listened on: it is in use, no socket, or not writable`
  return fail('PORT_IN_USE', why, { pointer: 'VOUCH_AGENT_EVENTS_LISTEN' })
}

async function stopped(server: Server, service: Service): Promise<void> {
  service.isStopping = true
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  const timer = setTimeout(() => server.closeAllConnections(), STOP_MS)
  await promise
  clearTimeout(timer)
}
