/** Where one field of a message lies. */
interface Field {
  readonly start: number
  /** First octet of its value: behind the length, where it has one. */
  readonly value: number
  readonly end: number
  readonly delimited: boolean
}

type Random = () => number

const BODY_MAX = 65_536
const DEPTH_MAX = 4
/** Varints that stand where a count, a length or an index is expected. */
const HUGE = [
  'ffffffffffffffffff01',
  'ffffffff0f',
  '808080808010',
  'ffffffffffffffffffff01',
  '8080808000',
  '00',
]

/** A whole number in [0, below). */
export function pick(random: Random, below: number): number {
  return Math.floor(random() * below)
}

/** One of several. */
export function oneOf<T>(random: Random, items: readonly T[]): T {
  return items[pick(random, items.length)]!
}

/** So many random octets. */
export function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => pick(random, 256))
}

/** The same bytes with one to four things wrong; some mutations know the encoding. */
export function mutate(bytes: Uint8Array, random: Random, depth = 0): Uint8Array {
  let mutant = bytes
  for (let count = 1 + pick(random, 4); count > 0; count--)
    mutant = oneOf(random, MUTATIONS)(mutant, random, depth)
  return mutant.subarray(0, BODY_MAX)
}

const MUTATIONS: readonly ((bytes: Uint8Array, random: Random, depth: number) => Uint8Array)[] = [
  flipBit,
  (bytes, random) => bytes.subarray(0, pick(random, bytes.length + 1)),
  (bytes, random) => splice(bytes, pick(random, bytes.length + 1), 0, noise(random, 1 + pick(random, 20))),
  (bytes, random) => splice(bytes, pick(random, bytes.length + 1), 1 + pick(random, 8), new Uint8Array()),
  (bytes, random) => splice(bytes, pick(random, bytes.length + 1), 1, hugeVarint(random)),
  (_, random) => noise(random, pick(random, 200)),
  onFields(([first], bytes, random) => {
    const { start, end } = first
    return splice(bytes, oneOf(random, [start, end, bytes.length]), 0, bytes.subarray(start, end))
  }),
  onFields(([first], bytes, random) => {
    const copies = Buffer.concat(Array(2 + pick(random, 300)).fill(bytes.subarray(first.start, first.end)))
    return splice(bytes, first.end, 0, copies)
  }),
  onFields(([first, second], bytes) => {
    const [low, high] = first.start < second.start ? [first, second] : [second, first]
    return Buffer.concat([
      bytes.subarray(0, low.start),
      bytes.subarray(high.start, high.end),
      bytes.subarray(low.end, high.start),
      bytes.subarray(low.start, low.end),
      bytes.subarray(high.end),
    ])
  }),
  onFields(([first], bytes) => splice(bytes, first.start, first.end - first.start, new Uint8Array())),
  // A length, or a number, that is not the one that belongs there.
  onFields(([first], bytes, random) =>
    splice(bytes, first.start + 1, Math.max(1, first.value - first.start - 1), hugeVarint(random)),
  ),
  onFields(([first], bytes, random, depth) => {
    if (!first.delimited || depth >= DEPTH_MAX) return flipBit(bytes, random)
    const inner = mutate(bytes.subarray(first.value, first.end), random, depth + 1)
    const head = Buffer.concat([bytes.subarray(first.start, first.start + 1), varint(inner.length), inner])
    return splice(bytes, first.start, first.end - first.start, head)
  }),
]

function onFields(
  change: (fields: readonly [Field, Field], bytes: Uint8Array, random: Random, depth: number) => Uint8Array,
): (bytes: Uint8Array, random: Random, depth: number) => Uint8Array {
  return (bytes, random, depth) => {
    const fields = fieldsOf(bytes)
    if (fields.length === 0) return flipBit(bytes, random)
    return change([oneOf(random, fields), oneOf(random, fields)], bytes, random, depth)
  }
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  const at = pick(random, bytes.length)
  if (bytes.length > 0) flipped[at]! ^= 1 << pick(random, 8)
  return flipped
}

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)])
}

function hugeVarint(random: Random): Uint8Array {
  return Uint8Array.fromHex(oneOf(random, HUGE))
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

/** The fields of a message as far as they can be read; tags of one octet, which is all that ours have. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  while (at < bytes.length) {
    const start = at
    const type = bytes[at]! & 7
    let value = 0
    let shift = 0
    do {
      at++
      value += (bytes[at]! & 0x7f) * 2 ** shift
      shift += 7
    } while (bytes[at]! >= 0x80 && at < bytes.length)
    at++
    const delimited = type === 2
    const end = delimited ? at + value : at
    if ((type !== 0 && !delimited) || !(end <= bytes.length)) break
    fields.push({ start, value: delimited ? at : start + 1, end, delimited })
    at = end
  }
  return fields
}
