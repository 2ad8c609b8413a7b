import type { Reading } from './register.ts'

/** A reading and the stream it belongs to. */
export interface StreamReading extends Reading {
  /** Number of the stream. */
  readonly stream: number
}

type Column = Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>

const ROOM = 1024
/** Rows whose room is kept for those that come after. */
const ROOM_KEPT = 16_384
/** More rows than there can be; with a number of a stream before it, exact in a double. */
const ROWS_MAX = 2 ** 21

/** Readings in the order of the looks, a column for each of their values: they wait for a batch and are no objects meanwhile. */
export class ReadingBuffer {
  #length = 0
  #stream = new Uint32Array(ROOM)
  #epoch = new Float64Array(ROOM)
  #timeMs = new Float64Array(ROOM)
  #register = new BigUint64Array(ROOM)
  #spanMs = new Uint32Array(ROOM)

  /** How many there are. */
  get length(): number {
    return this.#length
  }

  /** Adds one behind the others. */
  push(stream: number, { epoch, register, spanMs, timeMs }: Reading): void {
    if (this.#length === this.#stream.length) this.#resize(2 * this.#length)
    const row = this.#length++
    this.#stream[row] = stream
    this.#epoch[row] = epoch
    this.#timeMs[row] = timeMs
    this.#register[row] = register
    this.#spanMs[row] = spanMs
  }

  /** Forgets them, and gives back room that few batches need. */
  clear(): void {
    this.#length = 0
    if (this.#stream.length > ROOM_KEPT) this.#resize(ROOM)
  }

  stream(row: number): number {
    return this.#stream[row]!
  }

  epoch(row: number): number {
    return this.#epoch[row]!
  }

  timeMs(row: number): number {
    return this.#timeMs[row]!
  }

  register(row: number): bigint {
    return this.#register[row]!
  }

  spanMs(row: number): number {
    return this.#spanMs[row]!
  }

  /** Rows stream by stream, those of a stream in the order of the looks. */
  byStream(): Float64Array {
    const keys = new Float64Array(this.#length)
    for (let row = 0; row < keys.length; row += 1) keys[row] = this.#stream[row]! * ROWS_MAX + row
    return keys.toSorted().map((key) => key % ROWS_MAX)
  }

  /** As objects. */
  *[Symbol.iterator](): Iterator<StreamReading> {
    for (let row = 0; row < this.#length; row += 1)
      yield {
        stream: this.stream(row),
        epoch: this.epoch(row),
        timeMs: this.timeMs(row),
        register: this.register(row),
        spanMs: this.spanMs(row),
      }
  }

  #resize(rows: number): void {
    this.#stream = resized(this.#stream, new Uint32Array(rows), this.#length)
    this.#epoch = resized(this.#epoch, new Float64Array(rows), this.#length)
    this.#timeMs = resized(this.#timeMs, new Float64Array(rows), this.#length)
    this.#register = resized(this.#register, new BigUint64Array(rows), this.#length)
    this.#spanMs = resized(this.#spanMs, new Uint32Array(rows), this.#length)
  }
}

function resized<T extends Column>(old: T, column: T, length: number): T {
  column.set(old.subarray(0, length) as never)
  return column
}
