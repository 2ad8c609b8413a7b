import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { connect as connectTcp, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fail, FaultError, isFaultCode } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { MessageReader, prefixed } from './messages.ts'

/**
 * The little of a gRPC client that a load needs, at a fraction of the processor time and memory of a whole one.
 * Source: gRPC over HTTP/2.
 */

/** Where a collector listens, and how it is trusted. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Certificates trusted, PEM, and the name expected; undefined = without TLS. */
  readonly tls: { readonly ca: string; readonly name: string } | undefined
}

/** One call that is open in both directions, on a connection of its own. */
export interface Call {
  send(message: Uint8Array): void
  /** Drops the connection, as a host that loses its network does. */
  drop(): void
}

/** What a call tells. */
export interface CallEvents {
  message(bytes: Buffer): void
  /** Once: it is over. No fault where the other side ended it in order. */
  end(fault: Fault | undefined): void
}

const MESSAGE_BYTES_MAX = 1_048_576
const UNARY_MS = 60_000

/** Connects to one collector; later connections resume the TLS session of the first. */
export class Dialler {
  readonly #target: Target
  #ticket: Buffer | undefined

  constructor(target: Target) {
    this.#target = target
  }

  /** Opens a connection with one call on it. */
  open(path: string, events: CallEvents): Call {
    const session = this.#connect()
    let over = false
    const end = (fault: Fault | undefined): void => {
      if (over) return
      over = true
      session.destroy()
      events.end(fault)
    }
    session.on('error', (error) => end(unavailable(error.message)))
    session.on('close', () => end(unavailable('the connection was closed')))
    const stream = request(session, path)
    receive(stream, (bytes) => events.message(bytes), end)
    return { send: (message) => void stream.write(prefixed(message)), drop: () => end(undefined) }
  }

  /** Unary calls over one connection, which the caller closes. They reject with a FaultError. */
  unary(): { call(path: string, message: Uint8Array): Promise<Buffer>; close(): void } {
    const session = this.#connect()
    // Its calls fail with it.
    session.on('error', () => undefined)
    return { call: async (path, message) => callOnce(session, path, message), close: () => session.destroy() }
  }

  #connect(): ClientHttp2Session {
    const { host, port, tls } = this.#target
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    if (tls === undefined) {
      return connect(`http://${authority}`, {
        createConnection: () => connectTcp({ host, port, noDelay: true }),
      })
    }
    const session = this.#ticket === undefined ? {} : { session: this.#ticket }
    return connect(`https://${authority}`, {
      createConnection: () => {
        // TLS knows no names that are addresses: those are checked without being asked for.
        const name = isIP(tls.name) === 0 ? { servername: tls.name } : {}
        const options = { host, port, ca: tls.ca, ALPNProtocols: ['h2'], ...name, ...session }
        const socket = connectTls(options).setNoDelay(true)
        // Any of them resumes for all: to the collector they are hosts that were here before.
        if (this.#ticket === undefined) {
          socket.once('session', (ticket: Buffer) => {
            this.#ticket ??= ticket
          })
        }
        return socket
      },
    })
  }
}

async function callOnce(session: ClientHttp2Session, path: string, message: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer: Buffer | undefined
    const stream = request(session, path)
    stream.setTimeout(UNARY_MS, () => stream.close(constants.NGHTTP2_CANCEL))
    receive(
      stream,
      (bytes) => {
        answer = Buffer.from(bytes)
      },
      (fault) => {
        if (answer !== undefined) resolve(answer)
        else reject(new FaultError(fault ?? unavailable('the call ended without an answer')))
      },
    )
    stream.end(prefixed(message))
  })
}

function request(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  return session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    { endStream: false },
  )
}

function receive(
  stream: ClientHttp2Stream,
  message: (bytes: Buffer) => void,
  end: (fault: Fault | undefined) => void,
): void {
  const reader = new MessageReader(MESSAGE_BYTES_MAX)
  let status: IncomingHttpHeaders = {}
  stream.on('response', (headers) => {
    status = headers
  })
  stream.on('trailers', (trailers) => {
    status = trailers
  })
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const bytes of reader.take(chunk)) message(bytes)
    } catch (error) {
      end({ code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) })
    }
  })
  stream.on('end', () => end(faultOf(status)))
  stream.on('error', (error) => end(unavailable(error.message)))
  stream.on('close', () => end(unavailable('the call was closed')))
}

/** The fault of a call's end, as the collector wrote it into the trailers. */
function faultOf(headers: IncomingHttpHeaders): Fault | undefined {
  const status = String(headers['grpc-status'] ?? '')
  if (status === '0') return undefined
  const carried = headers['vouch-fault-bin']
  if (typeof carried === 'string') {
    const parsed: unknown = JSON.parse(Buffer.from(carried, 'base64').toString('utf8'))
    if (isFault(parsed)) return parsed
  }
  const message = decodeURIComponent(String(headers['grpc-message'] ?? ''))
  return unavailable(`status ${status === '' ? 'missing' : status}: ${message}`)
}

function isFault(value: unknown): value is Fault {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return false
  return typeof value.code === 'string' && isFaultCode(value.code) && typeof value.message === 'string'
}

function unavailable(message: string): Fault {
  return fail('UNAVAILABLE', message).fault
}
