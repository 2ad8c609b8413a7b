/** Where arrays begin, and so the most that is lost before each of them, octets. */
const ALIGNMENT = 8
/** More is taken than is needed now, so that slowly growing groups do not take new memory each time. */
const SPARE = 1.25

/**
 * Memory for columns that is used again and again: fresh memory costs the system more than what is done with it, and
 * the garbage collector looks through everything the more often, the more is taken.
 */
export class ColumnMemory {
  #buffer = new ArrayBuffer(0)
  #at = 0

  /** Gives up all arrays taken before, and has room for so many octets in so many arrays. */
  begin(octets: number, arrays: number): void {
    const needed = octets + ALIGNMENT * arrays
    if (needed > this.#buffer.byteLength) this.#buffer = new ArrayBuffer(Math.ceil(needed * SPARE))
    this.#at = 0
  }

  /** Words of 64 bits, with anything in them. Throws where there is no room left. */
  words(length: number): BigUint64Array<ArrayBuffer> {
    return new BigUint64Array(this.#buffer, this.#take(8 * length), length)
  }

  /** Words of 32 bits, likewise. */
  numbers(length: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.#buffer, this.#take(4 * length), length)
  }

  #take(octets: number): number {
    const at = this.#at
    this.#at = Math.ceil((at + octets) / ALIGNMENT) * ALIGNMENT
    return at
  }
}
