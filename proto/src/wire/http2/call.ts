import { constants } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import { framed } from './framing.ts'
import { Inbox } from './inbox.ts'
import { OK, trailersOf } from './status.ts'
import type { Status } from './status.ts'

/** Who is told of a call's changes. */
export interface CallWatcher {
  /** The peer reads again. */
  readonly relieved: () => void
  /** The call is over: nothing that is sent will arrive. */
  readonly gone: () => void
}

/** Time for a peer to end its side after it has been told how the call ended. */
const RESET_AFTER_MS = 2_000
const HEADERS = {
  [constants.HTTP2_HEADER_STATUS]: 200,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  'grpc-accept-encoding': 'identity',
}

/** One call of a gRPC client, seen from the server. */
export class Call {
  /** Address of the other side. */
  readonly peer: string
  readonly #stream: ServerHttp2Stream
  readonly #inbox: Inbox
  /** This side has ended it. */
  #status: Status | undefined
  #watcher: CallWatcher | undefined

  /** @param bytesMax largest message taken, octets. */
  constructor(stream: ServerHttp2Stream, peer: string, bytesMax: number) {
    this.peer = peer
    this.#stream = stream
    this.#inbox = new Inbox(stream, bytesMax, this)
    stream.on('wantTrailers', () => this.#sendTrailers())
    stream.on('drain', () => this.#watcher?.relieved())
    // What broke shows in the close that follows.
    stream.on('error', () => undefined)
    stream.on('close', () => this.#closed())
  }

  /** True once either side has ended the call. */
  get over(): boolean {
    return this.#status !== undefined || this.#stream.closed || this.#stream.destroyed
  }

  /** True while the peer does not read what it was sent. */
  get congested(): boolean {
    return this.#stream.writableNeedDrain
  }

  /** The next message; undefined once the peer has ended its side. Rejects where the call is over. One at a time. */
  async next(): Promise<Uint8Array | undefined> {
    return this.#inbox.next()
  }

  /** Sends a message. */
  write(message: Uint8Array): void {
    if (this.over) return
    if (!this.#stream.headersSent) this.#stream.respond(HEADERS, { waitForTrailers: true })
    this.#stream.write(framed(message))
  }

  /** Ends the call; what was sent before is delivered first. */
  end(status: Status = OK): void {
    if (this.over) return
    this.#status = status
    if (this.#stream.headersSent) this.#stream.end()
    else {
      this.#stream.respond({ ...HEADERS, ...trailersOf(status) }, { endStream: true })
      this.#release()
    }
    this.#inbox.settle()
  }

  /** Ends a call that is none of gRPC, with an HTTP status. */
  refuse(http: number): void {
    if (this.over) return
    this.#status = OK
    this.#stream.respond({ [constants.HTTP2_HEADER_STATUS]: http }, { endStream: true })
    this.#release()
  }

  /** Tells of changes from now on. */
  watch(watcher: CallWatcher): void {
    this.#watcher = watcher
  }

  #sendTrailers(): void {
    this.#stream.sendTrailers(trailersOf(this.#status ?? OK))
    this.#release()
  }

  /**
   * The answer is complete: what still comes is nobody's. A peer that goes on is told to stop (RFC 9113, 8.1), but
   * not at once: a reset overtakes the status where that waits for the socket, and who gets a status ends by itself.
   */
  #release(): void {
    this.#stream.resume()
    if (this.#inbox.halfClosed) return
    const late = setTimeout(() => this.#stream.close(constants.NGHTTP2_NO_ERROR), RESET_AFTER_MS)
    this.#stream.once('close', () => clearTimeout(late))
  }

  #closed(): void {
    this.#inbox.settle()
    this.#watcher?.relieved()
    this.#watcher?.gone()
  }
}
