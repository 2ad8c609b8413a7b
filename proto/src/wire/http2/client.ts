import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { fail, ok } from '../../kernel/fault.ts'
import type { Result } from '../../kernel/fault.ts'
import { OutgoingCall } from './outgoing-call.ts'

/** How a client shows who it is, and whom it believes. */
export interface ClientTls {
  /** Certificate chain and private key, PEM. */
  readonly cert: Buffer
  readonly key: Buffer
  /** Authority of the server's certificate, PEM; undefined = the system's. */
  readonly authority: Buffer | undefined
}

/** What is dialled. */
export interface DialParts {
  /** `host:port`; the certificate has to be for this host. */
  readonly address: string
  /** Without it HTTP/2 without TLS is spoken. */
  readonly tls: ClientTls | undefined
  /** Time to connect, milliseconds. */
  readonly timeoutMs: number
}

/** A connection of our own to a gRPC server. */
export interface GrpcConnection {
  /** Opens a call; messages of at most so many octets are taken. */
  call(path: string, bytesMax: number): OutgoingCall
  /** Ends it at once, and every call with it. */
  close(): void
}

/** A silent peer is asked so often whether it is there, and has as long to answer, milliseconds. */
const KEEPALIVE_MS = 15_000
const SETTINGS = { headerTableSize: 0, enablePush: false }

/** Connects to a gRPC server. Fault: UNAVAILABLE, with what the network or TLS said. */
export async function dialGrpc({ address, tls, timeoutMs }: DialParts): Promise<Result<GrpcConnection>> {
  const options = { settings: SETTINGS, maxDeflateDynamicTableSize: 0 }
  const session =
    tls === undefined
      ? connect(`http://${address}`, options)
      : connect(`https://${address}`, {
          ...options,
          cert: tls.cert,
          key: tls.key,
          ...(tls.authority === undefined ? {} : { ca: tls.authority }),
        })
  const { promise, resolve } = Promise.withResolvers<Result<GrpcConnection>>()
  const late = setTimeout(() => refused(`no connection within ${timeoutMs} ms`), timeoutMs)
  const refused = (why: string): void => {
    clearTimeout(late)
    session.destroy()
    resolve(fail('UNAVAILABLE', `${address}: ${why}`))
  }
  session.on('error', (error) => refused(error.message))
  session.on('close', () => refused('the connection was closed'))
  // The settings of the peer are its first word: with TLS 1.3 a refused certificate shows only after the handshake.
  session.once('remoteSettings', () => {
    clearTimeout(late)
    keepAlive(session)
    resolve(
      ok({
        call: (path, bytesMax) => OutgoingCall.open(session, { address, path, bytesMax }),
        close: () => session.destroy(),
      }),
    )
  })
  return promise
}

function keepAlive(session: ClientHttp2Session): void {
  let isAsked = false
  const timer = setInterval(() => {
    if (isAsked) session.destroy()
    else isAsked = session.ping(() => (isAsked = false))
  }, KEEPALIVE_MS)
  session.on('close', () => clearInterval(timer))
}
