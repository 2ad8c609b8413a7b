/**
 * A bounded hash table whose keys and values are words of 32 bits in typed arrays: millions of entries
 * without an object each. Open addressing with linear probing (Knuth, TAOCP 6.4), half to three quarters
 * full. When it is full, the older half of what was used makes room.
 */

/** Shape of a table. */
export interface WordTableShape {
  readonly keyWords: number
  readonly valueWords: number
  /** Entries that are remembered at least, once there are so many; at most twice as many. */
  readonly entriesMax: number
  /** Spreads keys that somebody chose to collide; any number, different in each process. */
  readonly seed: number
}

const SLOTS_MIN = 16

/** One generation: a table that grows and does not forget. */
class Generation {
  readonly width: number
  words: Uint32Array
  used: Uint8Array
  size = 0
  readonly #keyWords: number
  readonly #seed: number

  constructor({ keyWords, valueWords, seed }: WordTableShape) {
    this.width = keyWords + valueWords
    this.#keyWords = keyWords
    this.#seed = seed
    this.words = new Uint32Array(SLOTS_MIN * this.width)
    this.used = new Uint8Array(SLOTS_MIN)
  }

  /** Slot of a key, or the free slot where it belongs. */
  slot(key: Uint32Array, at: number): number {
    const mask = this.used.length - 1
    let slot = this.#hash(key, at) & mask
    while (this.used[slot] === 1 && !this.#equals(slot, key, at)) slot = (slot + 1) & mask
    return slot
  }

  /** Slot of a key, added where it is new. */
  add(key: Uint32Array, at: number): number {
    if ((this.size + 1) * 4 > this.used.length * 3) this.#grow()
    const slot = this.slot(key, at)
    if (this.used[slot] === 1) return slot
    this.used[slot] = 1
    this.size++
    const start = slot * this.width
    for (let word = 0; word < this.#keyWords; word++) this.words[start + word] = key[at + word]!
    return slot
  }

  #grow(): void {
    const { words, used, width } = this
    this.words = new Uint32Array(words.length * 2)
    this.used = new Uint8Array(used.length * 2)
    for (let slot = 0; slot < used.length; slot++) {
      if (used[slot] === 0) continue
      const to = this.slot(words, slot * width)
      this.used[to] = 1
      this.words.set(words.subarray(slot * width, (slot + 1) * width), to * width)
    }
  }

  #equals(slot: number, key: Uint32Array, at: number): boolean {
    const start = slot * this.width
    for (let word = 0; word < this.#keyWords; word++)
      if (this.words[start + word] !== key[at + word]) return false
    return true
  }

  /** Multiplicative mixing, as in MurmurHash3 (Appleby, public domain). */
  #hash(key: Uint32Array, at: number): number {
    let hash = this.#seed
    for (let word = 0; word < this.#keyWords; word++) {
      hash = Math.imul(hash ^ key[at + word]!, 0xcc9e2d51)
      hash ^= hash >>> 15
    }
    hash = Math.imul(hash, 0x85ebca6b)
    return (hash ^ (hash >>> 13)) >>> 0
  }
}

/** The table. */
export class WordTable {
  readonly #shape: WordTableShape
  #young: Generation
  #old: Generation | undefined
  /** Slot of the young generation that was found or added last. */
  #found = 0

  constructor(shape: WordTableShape) {
    this.#shape = shape
    this.#young = new Generation(shape)
  }

  /** Entries held. */
  get size(): number {
    return this.#young.size + (this.#old?.size ?? 0)
  }

  /** Copies the value of the key at `key[at…]` to `out`; false where it is not known. */
  get(key: Uint32Array, at: number, out: Uint32Array): boolean {
    if (this.#read(this.#young, key, at, out)) return true
    if (this.#old === undefined || !this.#read(this.#old, key, at, out)) return false
    // Used again: it moves to the younger generation.
    this.set(key, at, out)
    return true
  }

  /** Replaces the value that {@link get} has just found. */
  replace(value: Uint32Array): void {
    const start = this.#found * this.#young.width + this.#shape.keyWords
    for (let word = 0; word < this.#shape.valueWords; word++) this.#young.words[start + word] = value[word]!
  }

  /** Remembers a value. */
  set(key: Uint32Array, at: number, value: Uint32Array): void {
    if (this.#young.size >= this.#shape.entriesMax) {
      this.#old = this.#young
      this.#young = new Generation(this.#shape)
    }
    this.#found = this.#young.add(key, at)
    this.replace(value)
  }

  #read(from: Generation, key: Uint32Array, at: number, out: Uint32Array): boolean {
    const slot = from.slot(key, at)
    if (from.used[slot] === 0) return false
    this.#found = slot
    const start = slot * from.width + this.#shape.keyWords
    for (let word = 0; word < this.#shape.valueWords; word++) out[word] = from.words[start + word]!
    return true
  }
}
