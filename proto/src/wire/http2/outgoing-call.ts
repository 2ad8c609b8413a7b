import { constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { FaultError } from '../../kernel/fault.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { CallWatcher } from './call.ts'
import { framed } from './framing.ts'
import { Inbox } from './inbox.ts'
import { STATUS, faultOfStatus, statusIn } from './status.ts'
import type { Status } from './status.ts'

/** Time for a server to end its side after this one has ended its own, milliseconds. */
const CANCEL_AFTER_MS = 2_000
const BROKEN: Status = { code: STATUS.unavailable, details: 'the connection broke off' }

/** One call of ours to a gRPC server. */
export class OutgoingCall {
  /** Address of the other side. */
  readonly peer: string
  readonly #stream: ClientHttp2Stream
  readonly #inbox: Inbox
  #ended = false
  #status: Status | undefined
  #watcher: CallWatcher | undefined

  /** @param bytesMax largest message taken, octets. */
  constructor(stream: ClientHttp2Stream, peer: string, bytesMax: number) {
    this.peer = peer
    this.#stream = stream
    this.#inbox = new Inbox(stream, bytesMax, this)
    stream.on('response', (headers) => this.#answered(headers))
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (this.#status ??= statusIn(trailers)))
    stream.on('drain', () => this.#watcher?.relieved())
    // What broke shows in the close that follows.
    stream.on('error', () => undefined)
    stream.on('close', () => this.#closed())
  }

  /** Opens a call of a method. */
  static open(
    session: ClientHttp2Session,
    {
      address,
      path,
      bytesMax,
    }: { readonly address: string; readonly path: string; readonly bytesMax: number },
  ): OutgoingCall {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      'grpc-accept-encoding': 'identity',
    })
    return new OutgoingCall(stream, address, bytesMax)
  }

  /** True once either side has ended the call. */
  get over(): boolean {
    return this.#ended || this.#stream.closed || this.#stream.destroyed
  }

  /** True while the peer does not read what it was sent. */
  get congested(): boolean {
    return this.#stream.writableNeedDrain
  }

  /** What went wrong on the other side, or between; undefined after an end in order, and before any. */
  get fault(): Fault | undefined {
    return this.#status === undefined ? undefined : faultOfStatus(this.#status)
  }

  /**
   * The next message; undefined once the server has ended the call in order. Rejects with a FaultError where it ended
   * in another way, and where the call is over. One at a time.
   */
  async next(): Promise<Uint8Array | undefined> {
    const message = await this.#inbox.next().catch((error: unknown) => {
      throw this.fault === undefined ? error : new FaultError(this.fault)
    })
    if (message !== undefined) return message
    this.#status ??= BROKEN
    if (this.fault !== undefined) throw new FaultError(this.fault)
    return undefined
  }

  /** Sends a message. */
  write(message: Uint8Array): void {
    if (!this.over) this.#stream.write(framed(message))
  }

  /** Ends the call; what was sent before is delivered first. A status says what was wrong with what was received. */
  end(status?: Status): void {
    if (this.over) return
    this.#ended = true
    this.#status ??= status
    this.#stream.end()
    this.#stream.resume()
    const late = setTimeout(() => this.#stream.close(constants.NGHTTP2_CANCEL), CANCEL_AFTER_MS)
    this.#stream.once('close', () => clearTimeout(late))
    this.#inbox.settle()
  }

  /** Tells of changes from now on. */
  watch(watcher: CallWatcher): void {
    this.#watcher = watcher
  }

  /** Resolves when nothing passes any more. */
  async closed(): Promise<void> {
    if (this.#stream.closed || this.#stream.destroyed) return
    await new Promise<void>((resolve) => this.#stream.once('close', () => resolve()))
  }

  #answered(headers: IncomingHttpHeaders): void {
    this.#status ??= statusIn(headers)
    const http = headers[constants.HTTP2_HEADER_STATUS]
    if (http === undefined || Number(http) === 200) return
    this.end({
      code: STATUS.internal,
      details: `an answer with HTTP status ${Number(http)}, which is none of gRPC`,
    })
  }

  #closed(): void {
    this.#status ??= this.#ended ? undefined : BROKEN
    this.#inbox.settle()
    this.#watcher?.relieved()
    this.#watcher?.gone()
  }
}
