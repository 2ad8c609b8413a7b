/**
 * ClickHouse's Native format: a block is a number of columns and rows, then each column's name, type
 * and values. Source: ClickHouse docs, "Native" format; numbers are little-endian.
 */

/** A column: its values are already in wire form. */
export interface NativeColumn {
  readonly name: string
  readonly type: string
  readonly parts: readonly Uint8Array[]
}

const utf8 = new TextEncoder()
/** Strings up to here are copied. */
const SHORT_BYTES = 1_024
/** Strings are copied into pieces of this size at first, and then into larger ones. */
const ROOM_BYTES = 16_384
const ROOM_GROWTH = 4
/** A length below 2^53. */
const VARUINT_BYTES_MAX = 8
const DICTIONARY_VERSION = 1n
/** Keys are UInt32 (2); the values stand in this block (bit 9) and replace those before (bit 10). */
const DICTIONARY_FLAGS = 2n | (1n << 9n) | (1n << 10n)

/** One block as chunks, to be written one after another. */
export function nativeBlock(rows: number, columns: readonly NativeColumn[]): Uint8Array[] {
  const chunks: Uint8Array[] = [varUint(columns.length), varUint(rows)]
  for (const { name, type, parts } of columns) {
    chunks.push(text(name), text(type))
    for (const part of parts) chunks.push(part)
  }
  return chunks
}

/** Numbers of a typed array, as they lie in memory. */
export function numbers(name: string, type: string, values: ArrayBufferView): NativeColumn {
  return { name, type, parts: [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)] }
}

/** FixedString(width); shorter values are filled up with zeros, as the engine does. */
export function fixedStrings<T>(
  name: string,
  width: number,
  rows: readonly T[],
  pick: (row: T) => Uint8Array,
): NativeColumn {
  const bytes = new Uint8Array(rows.length * width)
  rows.forEach((row, index) => {
    const value = pick(row)
    if (value.length > width) throw new RangeError(`${name} holds ${width} bytes, not ${value.length}`)
    bytes.set(value, index * width)
  })
  return { name, type: `FixedString(${width})`, parts: [bytes] }
}

/** String, of text or bytes. */
export function strings<T>(
  name: string,
  rows: readonly T[],
  pick: (row: T) => string | Uint8Array,
): NativeColumn {
  return { name, type: 'String', parts: stringParts(rows.map((row) => pick(row))) }
}

/** UInt64, as bigint. */
export function words<T>(name: string, rows: readonly T[], pick: (row: T) => bigint): NativeColumn {
  return numbers(
    name,
    'UInt64',
    BigUint64Array.from(rows, (row) => pick(row)),
  )
}

/** UInt8. */
export function octets<T>(name: string, rows: readonly T[], pick: (row: T) => number): NativeColumn {
  return numbers(
    name,
    'UInt8',
    Uint8Array.from(rows, (row) => pick(row)),
  )
}

/** DateTime64(3, 'UTC') from epoch milliseconds. */
export function instants<T>(
  name: string,
  rows: readonly T[],
  pickMs: (row: T) => number | bigint,
): NativeColumn {
  return numbers(
    name,
    "DateTime64(3, 'UTC')",
    BigInt64Array.from(rows, (row) => BigInt(pickMs(row))),
  )
}

/**
 * LowCardinality(String): the distinct values, then each row's index among them.
 * Source: ClickHouse, SerializationLowCardinality.cpp (version 1; keys of 32 bits; additional keys only).
 */
export function dictionary(name: string, values: readonly string[], keys: Uint32Array): NativeColumn {
  const head = BigUint64Array.of(DICTIONARY_VERSION, DICTIONARY_FLAGS, BigInt(values.length))
  return {
    name,
    type: 'LowCardinality(String)',
    parts: [
      new Uint8Array(head.buffer),
      ...stringParts(values),
      new Uint8Array(BigUint64Array.of(BigInt(keys.length)).buffer),
      new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength),
    ],
  }
}

/** Map(String, String). */
export function maps<T>(
  name: string,
  rows: readonly T[],
  pick: (row: T) => Readonly<Record<string, string>>,
): NativeColumn {
  const values = rows.map((row) => pick(row))
  const ends = new BigUint64Array(values.length)
  let end = 0
  values.forEach((value, index) => {
    end += Object.keys(value).length
    ends[index] = BigInt(end)
  })
  const keys = stringParts(values.flatMap((value) => Object.keys(value)))
  const texts = stringParts(values.flatMap((value) => Object.values(value)))
  return { name, type: 'Map(String, String)', parts: [new Uint8Array(ends.buffer), ...keys, ...texts] }
}

/** UUID from its 16 bytes: two words, the high one first, each little-endian. */
export function uuids<T>(name: string, rows: readonly T[], pick: (row: T) => Uint8Array): NativeColumn {
  const column = fixedStrings(name, 16, rows, pick)
  for (const part of column.parts) {
    for (let at = 0; at < part.length; at += 8) part.subarray(at, at + 8).reverse()
  }
  return { ...column, type: 'UUID' }
}

/** Strings behind their lengths: short ones copied together, as a chunk has a price of its own, long ones as they are. */
function stringParts(values: readonly (string | Uint8Array)[]): Uint8Array[] {
  const parts: Uint8Array[] = []
  let room = Buffer.allocUnsafe(ROOM_BYTES)
  let [from, at] = [0, 0]
  const flush = (): void => {
    if (at > from) parts.push(room.subarray(from, at))
    from = at
  }
  const reserve = (bytes: number): void => {
    if (at + bytes <= room.length) return
    flush()
    room = Buffer.allocUnsafe(Math.max(ROOM_GROWTH * room.length, bytes))
    from = at = 0
  }
  for (const value of values) {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length
    const copied = typeof value === 'string' || length <= SHORT_BYTES
    reserve(VARUINT_BYTES_MAX + (copied ? length : 0))
    at = putVarUint(room, at, length)
    if (typeof value === 'string') at += room.write(value, at)
    else if (copied) {
      room.set(value, at)
      at += length
    } else {
      flush()
      parts.push(value)
    }
  }
  flush()
  return parts
}

function putVarUint(to: Buffer, at: number, value: number): number {
  let [place, rest] = [at, value]
  while (rest >= 0x80) {
    to[place++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  to[place++] = rest
  return place
}

function text(value: string): Uint8Array {
  const bytes = utf8.encode(value)
  return Buffer.concat([varUint(bytes.length), bytes])
}

function varUint(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(VARUINT_BYTES_MAX)
  return bytes.subarray(0, putVarUint(bytes, 0, value))
}
