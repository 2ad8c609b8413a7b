import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Server, ServerCredentials } from '@grpc/grpc-js'
import { parseAddress, withPort } from '@vouch/proto/kernel/address.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Strangers } from './strangers.ts'

/** A server that takes connections. */
export interface Listener {
  /** With its real port. */
  readonly address: string
  /** Takes no more connections; returns when the last of those that are open has ended. */
  close(): Promise<void>
  /** Destroys what is still open. */
  destroy(): void
}

/** Between two looks at what strangers send, milliseconds. */
const SWEEP_MS = 100
const BACKLOG = 1_024
const STREAM_CREATED = 'http2.server.stream.created'
const ENCODING = 'grpc-encoding'
/** No encoding that grpc-js knows, so that a message that is compressed ends its call with UNIMPLEMENTED. */
const REFUSED = 'any; send messages as they are'

/**
 * Accepts connections for a gRPC server and keeps them within the bounds of `strangers`. grpc-js bounds no sockets
 * of its own, and expands compressed messages before anybody is asked: both are seen to here. Fault: PORT_IN_USE.
 */
export async function listen(
  server: Server,
  listenOn: string,
  credentials: ServerCredentials,
  strangers: Strangers,
): Promise<Result<Listener>> {
  const injector = server.createConnectionInjector(credentials)
  const sockets = new Set<Socket>()
  const acceptor = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    accept(socket, strangers, injector)
  })
  const refuse = (message: unknown): void => refuseCompression(message, strangers)
  const bound = await bind(acceptor, listenOn)
  if (!bound.ok) return bound
  // Running out of file descriptors is no end: the next connection is taken when one is free.
  acceptor.on('error', () => undefined)
  subscribe(STREAM_CREATED, refuse)
  const timer = setInterval(() => strangers.sweep(performance.now()), SWEEP_MS)
  const close = async (): Promise<void> => {
    clearInterval(timer)
    return new Promise((resolve) => acceptor.close(() => resolve()))
  }
  return ok({
    address: bound.value,
    close,
    destroy: () => {
      void close()
      unsubscribe(STREAM_CREATED, refuse)
      for (const socket of sockets) socket.destroy()
    },
  })
}

function accept(
  socket: Socket,
  strangers: Strangers,
  injector: ReturnType<Server['createConnectionInjector']>,
): void {
  const { remoteAddress, remotePort } = socket
  socket.on('error', () => undefined)
  if (remoteAddress === undefined || remotePort === undefined) {
    socket.destroy()
    return
  }
  const peer = `${remoteAddress}:${remotePort}`
  socket.once('close', () => strangers.leave(peer))
  strangers.arrive(peer, socket, performance.now())
  injector.injectConnection(socket)
}

async function bind(acceptor: ReturnType<typeof createServer>, listenOn: string): Promise<Result<string>> {
  const parsed = parseAddress(listenOn)
  if (!parsed.ok) return parsed
  return new Promise((resolve) => {
    acceptor.once('error', (error: NodeJS.ErrnoException) => {
      const why = `cannot listen on ${listenOn} (${error.code ?? error.message})`
      resolve(fail('PORT_IN_USE', `${why}; set VOUCH_COLLECTOR_LISTEN to a free address`))
    })
    acceptor.listen({ ...parsed.value, backlog: BACKLOG }, () => {
      const bound = acceptor.address()
      resolve(ok(withPort(listenOn, typeof bound === 'object' && bound !== null ? bound.port : 0)))
    })
  })
}

/** Agents do not compress. A small message that expands to the largest one would cost memory before any check. */
function refuseCompression(message: unknown, strangers: Strangers): void {
  const { stream, headers } = message as {
    readonly stream: ServerHttp2Stream
    readonly headers: Record<string, string | string[] | undefined>
  }
  if (headers[ENCODING] === undefined || headers[ENCODING] === 'identity') return
  const socket = stream.session?.socket
  if (strangers.has(`${socket?.remoteAddress}:${socket?.remotePort}`)) headers[ENCODING] = REFUSED
}
