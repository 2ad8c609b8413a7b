import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'

const ROOM_OCTETS = 4096

/**
 * Writes definite-length BER from its last octet to its first: so a length is known where it is written, and nothing is
 * copied. What comes last is written first. Source: X.690, RFC 3417 §8.
 */
export class BerWriter {
  #bytes = new Uint8Array(ROOM_OCTETS)
  #at = ROOM_OCTETS

  /** The octets of what `write` writes, a copy; the room is used again. */
  static written(write: (writer: BerWriter) => void): Buffer {
    shared.#at = shared.#bytes.length
    write(shared)
    return Buffer.from(shared.#bytes.subarray(shared.#at))
  }

  /** Octets written so far. */
  get size(): number {
    return this.#bytes.length - this.#at
  }

  /** Makes an element of all that was written since there were so many octets. */
  wrap(tag: number, since = 0): void {
    this.#head(tag, this.size - since)
  }

  /** Octets that are an element, or several. */
  raw(octets: Uint8Array): void {
    this.#reserve(octets.length)
    this.#at -= octets.length
    this.#bytes.set(octets, this.#at)
  }

  /** An element of its tag and content. */
  octets(octets: Uint8Array, tag: number = TAG.OCTET_STRING): void {
    this.raw(octets)
    this.#head(tag, octets.length)
  }

  /** A signed integer, or an unsigned one under its tag, in the fewest octets. */
  integer(value: bigint | number, tag: number = TAG.INTEGER): void {
    const before = this.size
    let first: number
    if (typeof value === 'number') {
      let rest = value
      do {
        first = rest & 0xff
        this.#put(first)
        rest = Math.floor(rest / 256)
      } while (rest !== 0 && rest !== -1)
      if (rest === 0 ? first >= 0x80 : first < 0x80) this.#put(rest & 0xff)
    } else {
      let rest = value
      do {
        first = Number(rest & 0xffn)
        this.#put(first)
        rest >>= 8n
      } while (rest !== 0n && rest !== -1n)
      if (rest === 0n ? first >= 0x80 : first < 0x80) this.#put(Number(rest & 0xffn))
    }
    this.#head(tag, this.size - before)
  }

  /** An object identifier of two arcs or more. */
  oid(oid: Oid): void {
    const before = this.size
    for (let index = oid.length - 1; index > 1; index -= 1) this.#arc(oid[index]!)
    this.#arc(oid[0]! * 40 + oid[1]!)
    this.#head(TAG.OID, this.size - before)
  }

  #arc(arc: number): void {
    this.#put(arc % 128)
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      this.#put(0x80 + (rest % 128))
  }

  #head(tag: number, length: number): void {
    if (length < 0x80) this.#put(length)
    else {
      const before = this.size
      for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) this.#put(rest % 256)
      this.#put(0x80 + this.size - before)
    }
    this.#put(tag)
  }

  #put(octet: number): void {
    if (this.#at === 0) this.#reserve(1)
    this.#at -= 1
    this.#bytes[this.#at] = octet
  }

  #reserve(octets: number): void {
    if (octets <= this.#at) return
    const written = this.#bytes.subarray(this.#at)
    const larger = new Uint8Array(2 * this.#bytes.length + octets)
    larger.set(written, larger.length - written.length)
    this.#at = larger.length - written.length
    this.#bytes = larger
  }
}

const shared = new BerWriter()
