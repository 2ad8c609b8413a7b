const FREE = -1
const SLOTS_MIN = 64

/**
 * Finds the number under which something with an id is kept. Ids are outcomes of a hash, of which the first 32 bits say
 * where to look; the rest is compared where it is kept. Five to eleven octets for each of them, where a map of texts takes a hundred.
 */
export class IdIndex {
  readonly #isAt: (number: number, id: Uint8Array) => boolean
  readonly #idAt: (number: number) => Uint8Array
  #slots = new Int32Array(SLOTS_MIN).fill(FREE)
  #count = 0

  /** `idAt` gives what is kept under a number; `isAt` says whether it is the id. */
  constructor(idAt: (number: number) => Uint8Array, isAt: (number: number, id: Uint8Array) => boolean) {
    this.#idAt = idAt
    this.#isAt = isAt
  }

  /** The number of an id; undefined where it is not known. */
  find(id: Uint8Array): number | undefined {
    const number = this.#slots[this.#seek(id)]!
    return number === FREE ? undefined : number
  }

  /** Adds a number, whose id is kept and not known yet. */
  add(number: number): void {
    if (4 * (this.#count + 1) > 3 * this.#slots.length) this.#grow()
    this.#slots[this.#seek(this.#idAt(number))] = number
    this.#count += 1
  }

  /** Takes an id out. */
  remove(id: Uint8Array): void {
    let gap = this.#seek(id)
    if (this.#slots[gap] === FREE) return
    this.#count -= 1
    const mask = this.#slots.length - 1
    // What stands behind a gap moves into it unless it would stand before its own place.
    for (let slot = (gap + 1) & mask; this.#slots[slot] !== FREE; slot = (slot + 1) & mask) {
      const home = placeOf(this.#idAt(this.#slots[slot]!)) & mask
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      this.#slots[gap] = this.#slots[slot]!
      gap = slot
    }
    this.#slots[gap] = FREE
  }

  /** Where the id stands, or would stand. */
  #seek(id: Uint8Array): number {
    const mask = this.#slots.length - 1
    let slot = placeOf(id) & mask
    while (this.#slots[slot] !== FREE && !this.#isAt(this.#slots[slot]!, id)) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(2 * old.length).fill(FREE)
    for (const number of old) if (number !== FREE) this.#slots[this.#seek(this.#idAt(number))] = number
  }
}

function placeOf(id: Uint8Array): number {
  return id[0]! | (id[1]! << 8) | (id[2]! << 16) | (id[3]! << 24)
}
