/** An object identifier, arc by arc. */
export type Oid = readonly number[]

/** Tags of SNMP's types. */
export const TAG = {
  INTEGER: 0x02,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  SEQUENCE: 0x30,
  IP_ADDRESS: 0x40,
  COUNTER32: 0x41,
  GAUGE32: 0x42,
  TIME_TICKS: 0x43,
  OPAQUE: 0x44,
  COUNTER64: 0x46,
  NO_SUCH_OBJECT: 0x80,
  NO_SUCH_INSTANCE: 0x81,
  END_OF_MIB_VIEW: 0x82,
} as const

/** What a malformed encoding throws inside of the decoders; none lets it out. */
export class BerError extends Error {
  override readonly name = 'BerError'
}

const ARCS_MAX = 128
const ARC_MAX = 2 ** 32 - 1
const LENGTH_OCTETS_MAX = 4
/** Where a number of 64 bits is put together: arithmetic would make several on the way. */
const halves = new DataView(new ArrayBuffer(8))

/** Reads definite-length BER from a part of a message. Throws BerError. Source: X.690, RFC 3417 §8. */
export class BerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = from
    this.#end = end
  }

  /** Whether nothing is left. */
  get isDone(): boolean {
    return this.#at >= this.#end
  }

  /** Where the next element begins. */
  get offset(): number {
    return this.#at
  }

  /** The next element's tag, not consumed. */
  peek(): number {
    if (this.isDone) throw new BerError('the encoding ends early')
    return this.#bytes[this.#at]!
  }

  /** The inside of the next element, which must have the tag. */
  enter(tag: number): BerReader {
    const [from, end] = this.#span(tag)
    return new BerReader(this.#bytes, from, end)
  }

  /** The content octets of the next element, a view of the message. */
  octets(tag: number = TAG.OCTET_STRING): Uint8Array {
    const [from, end] = this.#span(tag)
    return this.#bytes.subarray(from, end)
  }

  /** A signed number that fits a double exactly. */
  integer(): number {
    const [from, end] = this.#span(TAG.INTEGER)
    if (end === from || end - from > 5) throw new BerError('an integer is too long')
    let value = this.#bytes[from]! >= 0x80 ? -1 : 0
    for (let at = from; at < end; at += 1) value = value * 256 + this.#bytes[at]!
    return value
  }

  /** An unsigned number of at most `bits`; a missing leading zero octet is forgiven, as agents leave it out. */
  unsigned(tag: number, bits: 32 | 64): bigint {
    const [from, end] = this.#span(tag)
    const octets = bits / 8
    const isLong = end - from === octets + 1 && this.#bytes[from] === 0
    if (end === from || (end - from > octets && !isLong)) throw new BerError('an unsigned number is too long')
    const middle = Math.max(from, end - 4)
    let [high, low] = [0, 0]
    for (let at = from; at < middle; at += 1) high = high * 256 + this.#bytes[at]!
    for (let at = middle; at < end; at += 1) low = low * 256 + this.#bytes[at]!
    halves.setUint32(0, high)
    halves.setUint32(4, low)
    return halves.getBigUint64(0)
  }

  /** An object identifier: the very one that is expected where it is the same. */
  oid(expected?: Oid): Oid {
    const [from, end] = this.#span(TAG.OID)
    if (expected !== undefined && this.#isOid(expected, from, end)) return expected
    const arcs: number[] = []
    let arc = 0
    let isOpen = false
    for (let at = from; at < end; at += 1) {
      const octet = this.#bytes[at]!
      arc = arc * 128 + (octet & 0x7f)
      if (arc > ARC_MAX) throw new BerError('an arc exceeds 32 bits')
      isOpen = octet >= 0x80
      if (isOpen) continue
      if (arcs.length === 0) arcs.push(...firstArcs(arc))
      else arcs.push(arc)
      arc = 0
      if (arcs.length > ARCS_MAX) throw new BerError('an object identifier has too many arcs')
    }
    if (isOpen || arcs.length === 0) throw new BerError('an object identifier ends early')
    return arcs
  }

  /** Whether octets are an identifier of two arcs or more, of which the first is 0 or 1. */
  #isOid(oid: Oid, from: number, end: number): boolean {
    if (this.#bytes[from] !== oid[0]! * 40 + oid[1]! || oid[0]! > 1) return false
    let at = from + 1
    for (let index = 2; index < oid.length; index += 1) {
      let arc = 0
      let octet = 0x80
      while (octet >= 0x80 && at < end) {
        octet = this.#bytes[at++]!
        arc = arc * 128 + (octet & 0x7f)
      }
      if (octet >= 0x80 || arc !== oid[index]) return false
    }
    return at === end
  }

  #span(tag: number): readonly [from: number, end: number] {
    if (this.peek() !== tag) throw new BerError('an element has another tag')
    let from = this.#at + 2
    let length = this.#bytes[this.#at + 1] ?? 0x80
    if (length >= 0x80) {
      const octets = length - 0x80
      if (octets === 0 || octets > LENGTH_OCTETS_MAX) throw new BerError('a length is not definite')
      length = 0
      for (let index = 0; index < octets; index++) length = length * 256 + (this.#bytes[from + index] ?? 0)
      from += octets
    }
    const end = from + length
    if (end > this.#end) throw new BerError('an element exceeds the one around it')
    this.#at = end
    return [from, end]
  }
}

function firstArcs(arc: number): [number, number] {
  if (arc < 40) return [0, arc]
  return arc < 80 ? [1, arc - 40] : [2, arc - 80]
}

/** Negative, zero or positive as a stands before, at or after b. */
export function compareOids(a: Oid, b: Oid): number {
  const common = Math.min(a.length, b.length)
  for (let index = 0; index < common; index++) {
    const difference = a[index]! - b[index]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** What follows the prefix; undefined where the identifier does not lie below it. */
export function below(oid: Oid, prefix: Oid): Oid | undefined {
  if (oid.length <= prefix.length) return undefined
  return prefix.every((arc, index) => oid[index] === arc) ? oid.slice(prefix.length) : undefined
}

/** Reads "1.3.6.1"; undefined where the text is none. */
export function parseOid(text: string): Oid | undefined {
  if (!/^[0-2](\.(0|[1-9]\d{0,9})){1,127}$/.test(text)) return undefined
  const oid = text.split('.').map((arc) => Number.parseInt(arc, 10))
  const isShort = oid[0]! < 2 ? oid[1]! < 40 : oid[1]! <= ARC_MAX - 80
  return isShort && oid.every((arc) => arc <= ARC_MAX) ? oid : undefined
}
