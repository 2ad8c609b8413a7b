import type { Reading, TakeReading } from './register.ts'

/** A reading and the stream it belongs to. */
export interface StreamReading extends Reading {
  /** Number of the stream. */
  readonly stream: number
}

const ROOM = 1024
/** Rows whose room is kept for those that come after. */
const ROOM_KEPT = 16_384

/** Readings in the order of the looks, a column for each of their values: they wait for a batch and are no objects meanwhile. */
export class ReadingBuffer {
  #length = 0
  #next = 0
  #stream = new Uint32Array(ROOM)
  #epoch = new Float64Array(ROOM)
  #timeMs = new Float64Array(ROOM)
  #register = new BigUint64Array(ROOM)
  #spanMs = new Uint32Array(ROOM)
  readonly #take: TakeReading = (epoch, timeMs, register, spanMs) => {
    if (this.#length === this.#stream.length) this.#resize(2 * this.#length)
    const row = this.#length++
    this.#stream[row] = this.#next
    this.#epoch[row] = epoch
    this.#timeMs[row] = timeMs
    this.#register[row] = register
    this.#spanMs[row] = spanMs
  }

  /** How many there are. */
  get length(): number {
    return this.#length
  }

  /** Takes readings of the stream, behind all others, until another is asked for. */
  of(stream: number): TakeReading {
    this.#next = stream
    return this.#take
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
  byStream(): Uint32Array {
    const rows = new Uint32Array(this.#length)
    for (let row = 0; row < rows.length; row += 1) rows[row] = row
    return rows.toSorted((a, b) => this.#stream[a]! - this.#stream[b]!)
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
    this.#stream = new Uint32Array(this.#stream.buffer.transfer(rows * Uint32Array.BYTES_PER_ELEMENT))
    this.#epoch = new Float64Array(this.#epoch.buffer.transfer(rows * Float64Array.BYTES_PER_ELEMENT))
    this.#timeMs = new Float64Array(this.#timeMs.buffer.transfer(rows * Float64Array.BYTES_PER_ELEMENT))
    this.#register = new BigUint64Array(
      this.#register.buffer.transfer(rows * BigUint64Array.BYTES_PER_ELEMENT),
    )
    this.#spanMs = new Uint32Array(this.#spanMs.buffer.transfer(rows * Uint32Array.BYTES_PER_ELEMENT))
  }
}
