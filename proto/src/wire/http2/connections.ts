import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** Bounds of a connection over which calls are made. */
export interface ConnectionLimits {
  /** Its life, about; milliseconds. */
  readonly ageMaxMs: number
  /** Time that its calls have to end in after that, milliseconds. */
  readonly ageGraceMs: number
  /** Time without a call, milliseconds. */
  readonly idleMaxMs: number
  /** Silence after which the peer is asked whether it is there, milliseconds. */
  readonly keepaliveMs: number
  /** Time to answer that, milliseconds. */
  readonly keepaliveTimeoutMs: number
}

interface Connection {
  readonly socket: Socket
  /** Undefined until TLS is agreed on. */
  session: ServerHttp2Session | undefined
  calls: number
  /** Since when there is no call. */
  idleMs: number
  /** When it is to end. */
  endsMs: number
  /** What had been received when something was heard last, and when that was. */
  bytes: number
  heardMs: number
  asked: boolean
}

/** Of the age of a connection, up or down: those made together do not end together. */
const AGE_JITTER = 0.1
const NOTHING = (): void => {}

/** The connections of a server, by the address of their peer; one look at all of them instead of timers for each. */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #byPeer = new Map<string, Connection>()

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** A socket has been accepted. */
  open(peer: string, socket: Socket, nowMs: number): void {
    const ageMs = this.#limits.ageMaxMs * (1 + AGE_JITTER * (2 * Math.random() - 1))
    const connection = { socket, session: undefined, calls: 0, idleMs: nowMs, endsMs: nowMs + ageMs }
    this.#byPeer.set(peer, { ...connection, bytes: 0, heardMs: nowMs, asked: false })
  }

  /** It speaks HTTP/2. */
  session(peer: string, session: ServerHttp2Session): void {
    const connection = this.#byPeer.get(peer)
    if (connection !== undefined) connection.session = session
  }

  /** A call begins; the function given back ends it. */
  call(peer: string, now: () => number): () => void {
    const connection = this.#byPeer.get(peer)
    if (connection === undefined) return NOTHING
    connection.calls++
    return () => {
      connection.calls--
      connection.idleMs = now()
    }
  }

  /** The socket is closed. */
  gone(peer: string): void {
    this.#byPeer.delete(peer)
  }

  /** Ends what is idle or old, and what does not answer. */
  sweep(nowMs: number): void {
    const { ageGraceMs, idleMaxMs } = this.#limits
    for (const connection of this.#byPeer.values()) {
      const { session, socket, calls, idleMs, endsMs } = connection
      if (session === undefined) continue
      if (nowMs >= endsMs + ageGraceMs) socket.destroy()
      else if (nowMs >= endsMs || (calls === 0 && nowMs - idleMs >= idleMaxMs)) endInOrder(session)
      this.#askWhoIsSilent(connection, session, nowMs)
    }
  }

  /** Takes no more calls; each connection ends with its last one. */
  close(): void {
    for (const { session, socket } of this.#byPeer.values()) {
      if (session === undefined) socket.destroy()
      else endInOrder(session)
    }
  }

  /** Destroys all. */
  destroy(): void {
    for (const { socket } of this.#byPeer.values()) socket.destroy()
  }

  #askWhoIsSilent(connection: Connection, session: ServerHttp2Session, nowMs: number): void {
    const { keepaliveMs, keepaliveTimeoutMs } = this.#limits
    const { socket, bytes, heardMs, asked } = connection
    if (socket.bytesRead !== bytes) {
      connection.bytes = socket.bytesRead
      connection.heardMs = nowMs
      connection.asked = false
    } else if (!asked && nowMs - heardMs >= keepaliveMs && !session.destroyed) {
      connection.asked = true
      // The answer shows in the bytes received.
      session.ping(NOTHING)
    } else if (asked && nowMs - heardMs >= keepaliveMs + keepaliveTimeoutMs) socket.destroy()
  }
}

/** GOAWAY: calls under way go on, and the peer makes new ones elsewhere. */
function endInOrder(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.close()
}
