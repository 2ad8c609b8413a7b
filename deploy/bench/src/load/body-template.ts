import { ByteWriter } from '@vouch/proto/wire/varint.ts'

/** What a batch of the load holds. */
export interface BatchShape {
  /** Streams of an agent, each with a segment in every batch. */
  readonly streams: number
  /** Readings of a stream in one batch. */
  readonly rows: number
  /** Between two readings of a stream, milliseconds; at least {@link SPACING_MIN_MS}. */
  readonly spacingMs: number
}

/** Shortest distance of readings: they jitter by less than this. */
export const SPACING_MIN_MS = 10
const JITTER_MS = 7
const STREAM_ID_BYTES = 16
/** Batches until the pattern of increments comes again. */
const VARIANTS = 16
const INCREMENT_MAX = 1_000_000
/** Six bytes of varint hold 2^35 to 2^42: times until 2109, epochs until 2039 (they are doubled), and registers. */
const FIXED_BYTES = 6
const FIXED_MIN = 2 ** 35
const FIXED_END = 2 ** 42

/** Everything after the stream ids of one variant of a body, and where it is filled in. */
interface Variant {
  readonly tail: Uint8Array
  readonly timeAt: number
  readonly epochAt: number
  /** Per stream: where its first register stands, and what the register has grown by since the cycle's start. */
  readonly registerAt: Uint32Array
  readonly grown: Float64Array
}

/**
 * Bodies of batches without encoding them: the columns of a body differ between agents and batches only in
 * the ids and in numbers that always take six bytes, which are written into a copy. Registers are counters
 * that grow unevenly. Body `index` of the same ids always has the same bytes.
 */
export class BodyTemplate {
  readonly shape: BatchShape
  /** Time from one batch to the next, milliseconds. */
  readonly batchMs: number
  readonly #variants: Variant[] = []
  readonly #perCycle: Float64Array

  constructor(shape: BatchShape) {
    this.shape = shape
    this.batchMs = shape.rows * shape.spacingMs
    const grown = new Float64Array(shape.streams)
    for (let index = 0; index < VARIANTS; index++) this.#variants.push(variantOf(shape, index, grown))
    this.#perCycle = grown
  }

  /** Body number `index`, from 0, of an agent whose readings begin at `startMs`. `streamIds`: 16 bytes a stream. */
  body(streamIds: Uint8Array, startMs: number, index: number): Uint8Array<ArrayBuffer> {
    const variant = this.#variants[index % VARIANTS]
    if (variant === undefined || streamIds.length !== this.shape.streams * STREAM_ID_BYTES) {
      throw new Error('a body has 16 bytes for each of its streams')
    }
    const head = idsHead(streamIds.length)
    const body = new Uint8Array(head.length + streamIds.length + variant.tail.length)
    body.set(head)
    body.set(streamIds, head.length)
    const at = head.length + streamIds.length
    body.set(variant.tail, at)
    fill(body, at + variant.timeAt, startMs + index * this.batchMs)
    fill(body, at + variant.epochAt, startMs * 2)
    const cycles = Math.floor(index / VARIANTS)
    variant.registerAt.forEach((offset, stream) => {
      const grown = (variant.grown[stream] ?? 0) + cycles * (this.#perCycle[stream] ?? 0)
      fill(body, at + offset, FIXED_MIN + stream * INCREMENT_MAX + grown)
    })
    return body
  }
}

function idsHead(bytes: number): Uint8Array {
  const head = new ByteWriter()
  head.varint((1 << 3) | 2, 0)
  head.varint(bytes, 0)
  return head.finish()
}

/** Encodes what does not change; `grown` goes on from variant to variant. */
function variantOf(shape: BatchShape, index: number, grown: Float64Array): Variant {
  const { streams, rows, spacingMs } = shape
  const tail = new ByteWriter()
  tail.varint(2 << 3, 0)
  const timeAt = tail.length
  tail.varint64(BigInt(FIXED_MIN))
  const each = (write: (to: ByteWriter, stream: number) => void): ByteWriter => {
    const column = new ByteWriter()
    for (let stream = 0; stream < streams; stream++) write(column, stream)
    return column
  }
  tail.field(3, each((to, stream) => to.varint(stream, 0)).finish())
  const epochs = each((to, stream) => to.varint64(stream === 0 ? BigInt(FIXED_MIN) : 0n)).finish()
  tail.field(4, epochs)
  const epochAt = tail.length - epochs.length
  tail.field(5, each((to) => to.varint(rows, 0)).finish())
  tail.field(6, each((to, stream) => writeTimes(to, stream, rows, spacingMs)).finish())
  const starts = grown.slice()
  const offsets = new Uint32Array(streams)
  const registers = each((to, stream) => {
    offsets[stream] = to.length
    to.varint64(BigInt(FIXED_MIN))
    for (let row = 1; row < rows; row++) to.varint(incrementOf(index, stream, row), 0)
    for (let row = 0; row < rows; row++)
      grown[stream] = (grown[stream] ?? 0) + incrementOf(index, stream, row)
  }).finish()
  tail.field(7, registers)
  const registerAt = offsets.map((offset) => tail.length - registers.length + offset)
  const spans = new ByteWriter()
  for (let row = 0; row < streams * rows; row++) spans.varint(spacingMs, 0)
  tail.field(8, spans.finish())
  return { tail: tail.finish(), timeAt, epochAt, registerAt, grown: starts }
}

function writeTimes(to: ByteWriter, stream: number, rows: number, spacingMs: number): void {
  let beforeMs = 0
  for (let row = 0; row < rows; row++) {
    const atMs = row * spacingMs + ((stream + row * 3) % JITTER_MS)
    to.varint(atMs - beforeMs, 0)
    beforeMs = atMs
  }
}

/** Increments that differ in their number of bytes, as those of real counters do. */
function incrementOf(index: number, stream: number, row: number): number {
  return ((index * 31 + stream * 7919 + row * 104_729) * 7919) % INCREMENT_MAX
}

function fill(bytes: Uint8Array, at: number, value: number): void {
  if (value < FIXED_MIN || value >= FIXED_END)
    throw new Error(`${value} is beyond what the template can hold`)
  let rest = value
  for (let index = 0; index < FIXED_BYTES - 1; index++) {
    bytes[at + index] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[at + FIXED_BYTES - 1] = rest
}
