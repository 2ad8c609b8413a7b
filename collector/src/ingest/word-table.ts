/**
 * A bounded hash table whose keys and values are words of 32 bits in typed arrays: millions of entries
 * without an object each. Entries lie side by side in the order in which they came; an index of their numbers is what
 * is sparse, by open addressing with linear probing (Knuth, TAOCP 6.4), three eighths to three quarters full. When
 * the table is full, the older half of what was used makes room.
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
/** Entries of a page: what a growing table copies at most. */
const PAGE_BITS = 12
const PAGE_ENTRIES = 2 ** PAGE_BITS
/** The first page grows by a quarter: most tables are small, and there are many of them. */
const GROWTH_SHIFT = 2
/** Numbers of entries that fit into an index of 16 bits, zero being none. */
const SHORT_MAX = 0xff_ff

/** One generation: a table that grows and does not forget. */
class Generation {
  size = 0
  readonly #width: number
  readonly #keyWords: number
  readonly #seed: number
  readonly #pages: Uint32Array[] = []
  /** Entry behind the one found last: what came in some order is mostly asked for in that order again. */
  #next = 0
  /** Number of an entry, from 1; 0 = free. */
  #index: Uint16Array | Uint32Array = new Uint16Array(SLOTS_MIN)

  constructor({ keyWords, valueWords, seed }: WordTableShape) {
    this.#width = keyWords + valueWords
    this.#keyWords = keyWords
    this.#seed = seed
  }

  /** Number of the entry with this key, from 0; -1 where there is none. */
  find(key: Uint32Array, at: number): number {
    const next = this.#next
    const entry =
      next < this.size && this.#equals(next, key, at) ? next : this.#index[this.#slot(key, at)]! - 1
    this.#next = entry + 1
    return entry
  }

  /** Number of the entry with this key, added where it is new. */
  add(key: Uint32Array, at: number): number {
    if ((this.size + 1) * 4 > this.#index.length * 3) this.#growIndex()
    const slot = this.#slot(key, at)
    const known = this.#index[slot]! - 1
    if (known >= 0) return known
    const entry = this.size++
    this.#index[slot] = entry + 1
    const page = this.#roomFor(entry)
    const start = this.#start(entry)
    for (let word = 0; word < this.#keyWords; word++) page[start + word] = key[at + word]!
    return entry
  }

  /** Copies the value of an entry to `out`. */
  read(entry: number, out: Uint32Array): void {
    const page = this.#pages[entry >>> PAGE_BITS]!
    const start = this.#start(entry) + this.#keyWords
    for (let word = 0; word < this.#width - this.#keyWords; word++) out[word] = page[start + word]!
  }

  /** Replaces the value of an entry. */
  write(entry: number, value: Uint32Array): void {
    const page = this.#pages[entry >>> PAGE_BITS]!
    const start = this.#start(entry) + this.#keyWords
    for (let word = 0; word < this.#width - this.#keyWords; word++) page[start + word] = value[word]!
  }

  #start(entry: number): number {
    return (entry & (PAGE_ENTRIES - 1)) * this.#width
  }

  /** The page of an entry that is the newest. */
  #roomFor(entry: number): Uint32Array {
    const number = entry >>> PAGE_BITS
    const page = this.#pages[number]
    const used = entry & (PAGE_ENTRIES - 1)
    if (page !== undefined && (used + 1) * this.#width <= page.length) return page
    const grown = used + (used >>> GROWTH_SHIFT) + SLOTS_MIN
    const entries = number > 0 ? PAGE_ENTRIES : Math.min(PAGE_ENTRIES, grown)
    const next = new Uint32Array(entries * this.#width)
    if (page !== undefined) next.set(page)
    this.#pages[number] = next
    return next
  }

  /** Slot of a key, or the free slot where it belongs. */
  #slot(key: Uint32Array, at: number): number {
    const mask = this.#index.length - 1
    let slot = this.#hash(key, at) & mask
    while (this.#index[slot] !== 0 && !this.#equals(this.#index[slot]! - 1, key, at)) slot = (slot + 1) & mask
    return slot
  }

  #growIndex(): void {
    const slots = this.#index.length * 2
    this.#index = slots > SHORT_MAX ? new Uint32Array(slots) : new Uint16Array(slots)
    const mask = slots - 1
    for (let entry = 0; entry < this.size; entry++) {
      let slot = this.#hash(this.#pages[entry >>> PAGE_BITS]!, this.#start(entry)) & mask
      while (this.#index[slot] !== 0) slot = (slot + 1) & mask
      this.#index[slot] = entry + 1
    }
  }

  #equals(entry: number, key: Uint32Array, at: number): boolean {
    const page = this.#pages[entry >>> PAGE_BITS]!
    const start = this.#start(entry)
    for (let word = 0; word < this.#keyWords; word++) if (page[start + word] !== key[at + word]) return false
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
  /** Entry of the young generation that was found or added last. */
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
    this.#young.write(this.#found, value)
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
    const entry = from.find(key, at)
    if (entry < 0) return false
    this.#found = entry
    from.read(entry, out)
    return true
  }
}
