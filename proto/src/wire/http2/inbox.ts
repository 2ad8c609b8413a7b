import type { Http2Stream } from 'node:http2'
import { MessageReader } from './framing.ts'
import { STATUS } from './status.ts'
import type { Status } from './status.ts'

/** The call whose messages are read. */
export interface Inboxed {
  /** True once either side has ended it. */
  readonly over: boolean
  /** Ends it because of what was received. */
  end(status: Status): void
}

interface Waiter {
  readonly resolve: (message: Uint8Array | undefined) => void
  readonly reject: (error: Error) => void
}

/**
 * What a call receives, read one message at a time: nothing is read from the HTTP/2 stream while nobody asks, so that
 * its window bounds what a call holds.
 */
export class Inbox {
  readonly #stream: Http2Stream
  readonly #reader: MessageReader
  readonly #call: Inboxed
  #waiter: Waiter | undefined
  #halfClosed = false

  /** @param bytesMax largest message taken, octets. */
  constructor(stream: Http2Stream, bytesMax: number, call: Inboxed) {
    this.#stream = stream
    this.#reader = new MessageReader(bytesMax)
    this.#call = call
    stream.on('data', (piece: Buffer) => this.#receive(piece))
    stream.pause()
    stream.on('end', () => {
      this.#halfClosed = true
      this.settle()
    })
  }

  /** True once the peer has ended its side. */
  get halfClosed(): boolean {
    return this.#halfClosed
  }

  /** The next message; undefined once the peer has ended its side. Rejects where the call is over. One at a time. */
  async next(): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.settle()
      if (this.#waiter !== undefined) this.#stream.resume()
    })
  }

  /** Gives whoever waits what there is: to be called when the call has ended. */
  settle(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    const message = this.#call.over ? undefined : this.#reader.next()
    if (message instanceof Uint8Array) {
      this.#waiter = undefined
      waiter.resolve(message)
    } else if (message !== undefined) this.#call.end(message)
    else if (this.#call.over) {
      this.#waiter = undefined
      waiter.reject(new Error('the call is over'))
    } else if (this.#halfClosed && this.#reader.partial) {
      this.#call.end({ code: STATUS.internal, details: 'the stream ends within a message' })
    } else if (this.#halfClosed) {
      this.#waiter = undefined
      waiter.resolve(undefined)
    }
  }

  #receive(piece: Buffer): void {
    if (this.#call.over) return
    this.#reader.push(piece)
    if (this.#waiter === undefined) this.#stream.pause()
    else this.settle()
  }
}
