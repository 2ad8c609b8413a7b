import { constants, createSecureServer, createServer } from 'node:http2'
import type { Http2SecureServer, Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { parseAddress, withPort } from '../../kernel/address.ts'
import { fail, ok } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/fault.ts'
import type { ServerCertificate } from '../tls.ts'
import { Call } from './call.ts'
import { Connections } from './connections.ts'
import { judgeRequest, timeoutMs } from './request.ts'
import type { Routes } from './route.ts'
import { STATUS } from './status.ts'
import type { Strangers } from './strangers.ts'

/** Bounds of a gRPC server. */
export interface ServerLimits {
  /** Largest signed batch, octets. */
  readonly batchBytesMax: number
  /** Life of a conversation, milliseconds. */
  readonly connectionAgeMaxMs: number
}

/** What a server is made of. */
export interface ServerParts {
  /** `host:port`; port 0 takes a free one. */
  readonly listenOn: string
  /** The variable that sets `listenOn`, for messages. */
  readonly setting: string
  /** Without one it speaks HTTP/2 without TLS. */
  readonly certificate: ServerCertificate | undefined
  /** Authority of the certificates that clients have to show, PEM; without one they show none. */
  readonly clientAuthority?: Buffer
  readonly routes: Routes
  readonly limits: ServerLimits
  readonly strangers: Strangers
}

/** A server that takes connections. */
export interface GrpcServer {
  /** With its real port. */
  readonly address: string
  /** Takes no more connections and calls; returns when the last connection has ended. */
  close(): Promise<void>
  /** Destroys what is still open. */
  destroy(): void
}

type AnyServer = Http2Server | Http2SecureServer

/** Above the largest batch, so that one slightly too large gets an answer that says so. */
const FRAME_SLACK_BYTES = 64 * 1024
/** A connection outlives its conversation, with its jitter, by this and a quarter of its age: conversations end by themselves before. */
const AGE_SLACK_MS = 600_000
const CONNECTION_LIMITS = {
  ageGraceMs: 60_000,
  idleMaxMs: 600_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
}
/** Between two looks at what strangers send, milliseconds. */
const STRANGERS_MS = 100
/** And at all connections. */
const CONNECTIONS_MS = 5_000
const BACKLOG = 1_024
/** Of an unknown method, as much as the answer repeats. */
const PATH_CHARACTERS_MAX = 200
const HTTP2 = {
  settings: { maxConcurrentStreams: 16, headerTableSize: 0, enablePush: false },
  // A connection has few calls, so tables of header fields seen would only take memory.
  maxDeflateDynamicTableSize: 0,
  noDelay: true,
} as const
const PROTOCOL = 'h2'
/** With a list of protocols Node gives each connection a copy, which keeps alive the 64 KiB that it was cut from. */
const TLS = {
  ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }): string | undefined =>
    protocols.includes(PROTOCOL) ? PROTOCOL : undefined,
}

/** Serves gRPC calls. Fault: PORT_IN_USE. */
export async function serveGrpc({
  listenOn,
  setting,
  certificate,
  clientAuthority,
  routes,
  limits: { batchBytesMax, connectionAgeMaxMs },
  strangers,
}: ServerParts): Promise<Result<GrpcServer>> {
  const now = (): number => performance.now()
  const ageMaxMs = Math.round(connectionAgeMaxMs * 1.25) + AGE_SLACK_MS
  const connections = new Connections({ ...CONNECTION_LIMITS, ageMaxMs })
  const clients =
    clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true }
  const server =
    certificate === undefined
      ? createServer(HTTP2)
      : createSecureServer({ ...HTTP2, ...TLS, ...certificate, ...clients })
  server.prependListener('connection', (socket: Socket) => accept(socket, strangers, connections))
  server.on('session', (session) => connections.session(peerOf(session.socket), session))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const peer = peerOf(stream.session?.socket)
    strangers.call(peer)
    stream.once('close', connections.call(peer, now))
    take(new Call(stream, peer, batchBytesMax + FRAME_SLACK_BYTES), stream, headers, routes)
  })
  const bound = await bind(server, listenOn, setting)
  if (!bound.ok) return bound
  // Running out of file descriptors is no end: the next connection is taken when one is free.
  server.on('error', () => undefined)
  const timers = [
    setInterval(() => strangers.sweep(now()), STRANGERS_MS),
    setInterval(() => connections.sweep(now()), CONNECTIONS_MS),
  ]
  const close = async (): Promise<void> => {
    timers.forEach(clearInterval)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    connections.close()
    return closed
  }
  const destroy = (): void => {
    void close()
    connections.destroy()
  }
  return ok({ address: bound.value, close, destroy })
}

function accept(socket: Socket, strangers: Strangers, connections: Connections): void {
  // What broke shows in the close that follows.
  socket.on('error', () => undefined)
  if (socket.remoteAddress === undefined) {
    socket.destroy()
    return
  }
  const peer = peerOf(socket)
  socket.once('close', () => {
    strangers.leave(peer)
    connections.gone(peer)
  })
  const nowMs = performance.now()
  connections.open(peer, socket, nowMs)
  strangers.arrive(peer, socket, nowMs)
}

function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'> | undefined): string {
  return `${socket?.remoteAddress}:${socket?.remotePort}`
}

/** Answers a call, or gives it to the handler of its method. */
function take(call: Call, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, routes: Routes): void {
  const refused = judgeRequest(headers)
  if (refused?.http !== undefined) {
    call.refuse(refused.http)
    return
  }
  if (refused !== undefined) {
    call.end(refused.status)
    return
  }
  const path = String(headers[constants.HTTP2_HEADER_PATH])
  const handler = routes.get(path)
  if (handler === undefined) {
    const details = `the server does not implement the method ${path.slice(0, PATH_CHARACTERS_MAX)}`
    call.end({ code: STATUS.unimplemented, details })
    return
  }
  const deadlineMs = timeoutMs(headers)
  if (deadlineMs !== undefined) {
    const late = { code: STATUS.deadlineExceeded, details: 'the deadline of the call is over' }
    const timer = setTimeout(() => call.end(late), deadlineMs)
    stream.once('close', () => clearTimeout(timer))
  }
  handler(call)
}

async function bind(server: AnyServer, listenOn: string, setting: string): Promise<Result<string>> {
  const parsed = parseAddress(listenOn)
  if (!parsed.ok) return parsed
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = `cannot listen on ${listenOn} (${error.code ?? error.message})`
      resolve(fail('PORT_IN_USE', `${why}; set ${setting} to a free address`))
    })
    server.listen({ ...parsed.value, backlog: BACKLOG }, () => {
      const bound = server.address()
      resolve(ok(withPort(listenOn, typeof bound === 'object' && bound !== null ? bound.port : 0)))
    })
  })
}
