import { toHex } from '@vouch/proto/kernel/bytes.ts'

/** Rows of which the first column says how many they are. Throws where there are more or fewer. */
export function parsedRows<T>(bytes: Buffer, parse: (row: RowBinary) => T): T[] {
  const reader = new RowBinary(bytes)
  const rows: T[] = []
  let count = 0
  while (!reader.isAtEnd) {
    count = reader.integer()
    rows.push(parse(reader))
  }
  if (rows.length !== count) throw new Error(`${rows.length} of ${count} rows came`)
  return rows
}

/**
 * Reads rows as the engine writes them in RowBinary, column by column: what is too much for JSON. Everything throws where the
 * answer ends too early. Source: ClickHouse's documentation of the format RowBinary; everything is little-endian, an array is its length as LEB128 and its elements.
 */
export class RowBinary {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Whether all is read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** A FixedString of so many octets, in hexadecimal. */
  hex(length: number): string {
    return toHex(this.#take(length))
  }

  /** A UInt64. */
  uint64(): bigint {
    const value = this.#bytes.readBigUInt64LE(this.#at)
    this.#at += 8
    return value
  }

  /** An Int64 or a UInt64 that a double holds exactly. */
  integer(): number {
    const value = safeNumber(this.#bytes, this.#at)
    this.#at += 8
    return value
  }

  /** An Array of whatever is parsed, tuples for example, whose members follow one another. */
  list<T>(parse: () => T): T[] {
    return Array.from({ length: this.#length() }, parse)
  }

  /** An Array(UInt64). */
  uint64s(): BigUint64Array {
    const bytes = this.#array(8)
    // A copy, because a view needs its elements at multiples of eight.
    return new BigUint64Array(new Uint8Array(bytes).buffer)
  }

  /** An Array(Int64) of what a double holds exactly. */
  integers(): Float64Array {
    const bytes = this.#array(8)
    const numbers = new Float64Array(bytes.length / 8)
    for (let i = 0; i < numbers.length; i += 1) numbers[i] = safeNumber(bytes, i * 8)
    return numbers
  }

  #array(elementBytes: number): Buffer {
    return this.#take(this.#length() * elementBytes)
  }

  #length(): number {
    let [length, scale] = [0, 1]
    for (;;) {
      const byte = this.#bytes.readUInt8(this.#at)
      this.#at += 1
      length += (byte % 128) * scale
      if (byte < 128) return length
      scale *= 128
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length)
      throw new Error(`an answer of the store ends at octet ${this.#bytes.length}`)
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

function safeNumber(bytes: Buffer, at: number): number {
  const number = bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
  if (!Number.isSafeInteger(number)) throw new Error(`${number} is not a safe integer`)
  return number
}
