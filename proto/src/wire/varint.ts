/**
 * Packed columns of varints to typed arrays and back, without an object or a bigint per value.
 * A 64-bit column is a Uint32Array of (low, high) pairs: on a little-endian machine its buffer is
 * the BigUint64Array, and the bytes that ClickHouse's Native format wants.
 *
 * Source: Protocol Buffers encoding, "Base 128 Varints".
 */

const BYTES_MAX = 10

/**
 * Decodes varints from bytes[start, end) into `pairs`, two words each.
 * Returns how many there were, or -1 where the bytes are no varints, or exceed 64 bits or the room.
 */
export function decodeVarints(bytes: Uint8Array, start: number, end: number, pairs: Uint32Array): number {
  let at = start
  let out = 0
  while (at < end) {
    if (out === pairs.length) return -1
    let byte = bytes[at++]!
    let low = byte & 0x7f
    let high = 0
    // Most deltas fit in four bytes: unrolled, the rest in the loop below.
    if (byte >= 0x80) {
      byte = bytes[at++]!
      low |= (byte & 0x7f) << 7
      if (byte >= 0x80) {
        byte = bytes[at++]!
        low |= (byte & 0x7f) << 14
        if (byte >= 0x80) {
          byte = bytes[at++]!
          low |= (byte & 0x7f) << 21
          if (byte >= 0x80) {
            byte = bytes[at++]!
            low |= (byte & 0x0f) << 28
            high = (byte & 0x7f) >>> 4
            for (let index = 5; byte >= 0x80; index++) {
              if (index === BYTES_MAX) return -1
              byte = bytes[at++]!
              if (index === BYTES_MAX - 1 && byte > 1) return -1
              high |= (byte & 0x7f) << (index * 7 - 32)
            }
          }
        }
      }
    }
    // A varint cut off by the end read bytes that are not its own, or none.
    if (at > end) return -1
    pairs[out] = low
    pairs[out + 1] = high
    out += 2
  }
  return out >>> 1
}

/**
 * As {@link decodeVarints}, for values of 32 bits, one word each. Returns how many there were, -1 where the bytes
 * are no varints or exceed the room, -2 where one is beyond 32 bits.
 */
export function decodeWords(bytes: Uint8Array, start: number, end: number, words: Uint32Array): number {
  if (endsWithin(bytes, start, end)) return -1
  let at = start
  let out = 0
  while (at < end) {
    if (out === words.length) return -1
    let byte = bytes[at++]!
    let word = byte & 0x7f
    // Two bytes hold most of them.
    if (byte >= 0x80) {
      byte = bytes[at++]!
      word |= (byte & 0x7f) << 7
      for (let shift = 14; byte >= 0x80; shift += 7) {
        byte = bytes[at++]!
        // The fifth byte has room for four bits; what is written longer than it need be is a varint all the same.
        if (shift === 28 && (byte & 0x70) !== 0) return -2
        if (shift > 28 && (byte & 0x7f) !== 0) return shift > 63 ? -1 : -2
        if (shift > 63) return -1
        if (shift <= 28) word |= (byte & 0x7f) << shift
      }
    }
    words[out++] = word
  }
  return out
}

/** How differences add up. */
export interface SumsRule {
  /** What each segment begins at, two words. */
  readonly base: Uint32Array
  /** Each value of a segment is above the one before. */
  readonly ascending: boolean
}

/**
 * What may be wrong with differences: they are not as many varints as there are rows, one of them does not ascend,
 * or a sum is beyond 64 bits.
 */
export type SumsFault = 'count' | 'standstill' | 'overflow'

/**
 * Decodes differences and adds them up in one pass, segment by segment: each begins at the base. Fills `pairs`, two
 * words a value. Returns what is wrong with them, undefined where nothing is.
 *
 * @param rows values of each segment; together they fill `pairs`.
 */
export function decodeSums(
  bytes: Uint8Array,
  start: number,
  end: number,
  rows: Uint32Array,
  { base, ascending }: SumsRule,
  pairs: Uint32Array,
): SumsFault | undefined {
  if (endsWithin(bytes, start, end)) return 'count'
  let at = start
  let out = 0
  for (let segment = 0; segment < rows.length; segment++) {
    let low = base[0]!
    let high = base[1]!
    const next = out + 2 * rows[segment]!
    for (let place = out; place < next; place += 2) {
      if (at >= end) return 'count'
      let byte = bytes[at++]!
      let add = byte & 0x7f
      if (byte >= 0x80) {
        byte = bytes[at++]!
        add |= (byte & 0x7f) << 7
        if (byte >= 0x80) {
          byte = bytes[at++]!
          add |= (byte & 0x7f) << 14
          if (byte >= 0x80) {
            byte = bytes[at++]!
            add |= (byte & 0x7f) << 21
            // Mostly the first of a segment.
            if (byte >= 0x80) {
              at = decodeWide(bytes, at, add)
              if (at < 0) return 'count'
              add = WIDE[0]!
              high += WIDE[1]!
            }
          }
        }
      }
      if (ascending && add === 0 && place > out && pairs[place - 1] === high) return 'standstill'
      const sum = (low + add) >>> 0
      if (sum < low) high++
      if (high > 0xffff_ffff) return 'overflow'
      low = sum
      pairs[place] = low
      pairs[place + 1] = high
    }
    out = next
  }
  return at === end ? undefined : 'count'
}

/** The value that {@link decodeWide} has read. */
const WIDE = new Uint32Array(2)

/** Goes on with a varint from its fifth byte at `at`; gives where it ends, -1 where it exceeds 64 bits. */
function decodeWide(bytes: Uint8Array, at: number, add: number): number {
  let end = at
  let byte = bytes[end++]!
  let high = (byte & 0x7f) >>> 4
  WIDE[0] = add | ((byte & 0x0f) << 28)
  for (let index = 5; byte >= 0x80; index++) {
    if (index === BYTES_MAX) return -1
    byte = bytes[end++]!
    if (index === BYTES_MAX - 1 && byte > 1) return -1
    high |= (byte & 0x7f) << (index * 7 - 32)
  }
  WIDE[1] = high
  return end
}

/** True where the last varint goes on beyond the end; otherwise none of those before does. */
function endsWithin(bytes: Uint8Array, start: number, end: number): boolean {
  return end > start && bytes[end - 1]! >= 0x80
}

/** Number of varints in bytes[start, end): those bytes that end one. */
export function countVarints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0
  // Without a branch, which would be mispredicted often.
  for (let at = start; at < end; at++) count += 1 - (bytes[at]! >>> 7)
  return count
}

/** Bytes written one after another into a buffer that grows. */
export class ByteWriter {
  #bytes = new Uint8Array(1024)
  #length = 0

  /** What was written, as a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Forgets what was written. */
  clear(): void {
    this.#length = 0
  }

  /** Appends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Appends one varint of two unsigned 32-bit words. */
  varint(low: number, high: number): void {
    this.#reserve(BYTES_MAX)
    let lowWord = low >>> 0
    let highWord = high >>> 0
    while (highWord > 0 || lowWord > 0x7f) {
      this.#bytes[this.#length++] = (lowWord & 0x7f) | 0x80
      lowWord = ((lowWord >>> 7) | (highWord << 25)) >>> 0
      highWord >>>= 7
    }
    this.#bytes[this.#length++] = lowWord
  }

  /** Appends one varint of an unsigned 64-bit value. */
  varint64(value: bigint): void {
    this.varint(Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn))
  }

  /** Appends a length-delimited field: tag, length, bytes. */
  field(number: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.varint((number << 3) | 2, 0)
    this.varint(bytes.length, 0)
    this.bytes(bytes)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
