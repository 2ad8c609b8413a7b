import { STATUS } from './status.ts'
import type { Status } from './status.ts'

/**
 * Length-prefixed messages: a flag, four octets of length, the message. Source: gRPC over HTTP/2, "Requests".
 */

/** Flag and length. */
export const HEAD_BYTES = 5
const COMPRESSED = 1
/** What a message that comes in pieces is gathered in at first, octets. */
const GATHER_BYTES_MIN = 512

/** Puts the prefix before a message. */
export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + message.length)
  bytes.writeUInt8(0, 0)
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, HEAD_BYTES)
  return bytes
}

/**
 * Cuts what is received into messages, one at a time as they are asked for. What is not asked for stays in the pieces
 * that it came in; a message in many pieces takes at most four times what has come of it.
 */
export class MessageReader {
  readonly #bytesMax: number
  #pieces: Uint8Array[] = []
  /** Octets of the first piece that are read. */
  #at = 0
  /** The prefix as far as it has come, where it comes in pieces. */
  #head: number[] = []
  /** Of the message that is read now; undefined before its prefix is whole. */
  #length: number | undefined
  #gathered = new Uint8Array()
  #filled = 0
  #refused: Status | undefined

  /** @param bytesMax largest message, octets. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Adds what was received. */
  push(piece: Uint8Array): void {
    if (piece.length > 0) this.#pieces.push(piece)
  }

  /** True where the end of what was pushed is within a message. */
  get partial(): boolean {
    return this.#pieces.length > 0 || this.#length !== undefined || this.#head.length > 0
  }

  /** The next message, its octets not shared for longer than they have to be; undefined until it is whole; a status where the sender has to be refused. */
  next(): Uint8Array | Status | undefined {
    if (this.#refused !== undefined) return this.#refused
    if (this.#length === undefined && !this.#readHead()) return this.#refused
    const length = this.#length ?? 0
    const [piece] = this.#pieces
    if (this.#filled === 0 && piece !== undefined && piece.length - this.#at >= length) {
      const message = piece.subarray(this.#at, this.#at + length)
      this.#consume(length)
      this.#length = undefined
      // A message may be kept for long: it must not keep alive much that it came with.
      return message.buffer.byteLength > 2 * length ? new Uint8Array(message) : message
    }
    return this.#gather(length)
  }

  /** Reads the prefix; false where it is not whole yet, or refused. */
  #readHead(): boolean {
    while (this.#head.length < HEAD_BYTES) {
      const byte = this.#pieces[0]?.[this.#at]
      if (byte === undefined) return false
      this.#head.push(byte)
      this.#consume(1)
    }
    const [flag = 0, ...octets] = this.#head
    const length = octets.reduce((sum, octet) => sum * 256 + octet, 0)
    this.#head = []
    this.#refused = this.#refusal(flag, length)
    if (this.#refused !== undefined) {
      this.#pieces = []
      return false
    }
    this.#length = length
    return true
  }

  #refusal(flag: number, length: number): Status | undefined {
    if (flag === COMPRESSED)
      return { code: STATUS.unimplemented, details: 'a message is compressed; send messages as they are' }
    if (flag !== 0)
      return { code: STATUS.internal, details: `a message begins with the unknown flag ${flag}` }
    if (length <= this.#bytesMax) return undefined
    const details = `a message of ${length} octets is larger than ${this.#bytesMax}, the most that is taken`
    return { code: STATUS.resourceExhausted, details }
  }

  #gather(length: number): Uint8Array | undefined {
    for (;;) {
      const [piece] = this.#pieces
      if (this.#filled === length) {
        const message = this.#gathered.subarray(0, length)
        this.#gathered = new Uint8Array()
        this.#filled = 0
        this.#length = undefined
        return message
      }
      if (piece === undefined) return undefined
      const taken = piece.subarray(this.#at, this.#at + length - this.#filled)
      this.#reserve(this.#filled + taken.length, length)
      this.#gathered.set(taken, this.#filled)
      this.#filled += taken.length
      this.#consume(taken.length)
    }
  }

  /** Room for what has come of the message, and thrice as much: a length alone takes no memory. */
  #reserve(bytes: number, length: number): void {
    if (bytes <= this.#gathered.length) return
    const grown = new Uint8Array(Math.min(length, Math.max(GATHER_BYTES_MIN, 4 * bytes)))
    grown.set(this.#gathered.subarray(0, this.#filled))
    this.#gathered = grown
  }

  #consume(bytes: number): void {
    this.#at += bytes
    if (this.#at < (this.#pieces[0]?.length ?? 0)) return
    this.#pieces.shift()
    this.#at = 0
  }
}
