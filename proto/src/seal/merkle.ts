/**
 * Merkle trees over byte strings: leaf = SHA-256(0x00 ‖ leaf), node = SHA-256(0x01 ‖ left ‖ right),
 * the left part of a node being the largest power of two below its size.
 *
 * Source: RFC 9162, 2.1 (the same trees as RFC 6962, 2.1).
 */
import { equalBytes } from '../kernel/bytes.ts'
import { sha256 } from './seal.ts'

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** Leaves [from, to) of a tree. */
export interface LeafRange {
  readonly from: number
  readonly to: number
}

/** Computes the root of leaves as they come; keeps one hash for each bit of their number. */
export class MerkleHasher {
  /** Roots of complete subtrees, the largest first, with their sizes. */
  readonly #subtrees: { readonly size: number; readonly hash: Uint8Array<ArrayBuffer> }[] = []
  #size = 0

  /** Leaves so far. */
  get size(): number {
    return this.#size
  }

  /** Adds the next leaf. */
  add(leaf: Uint8Array): void {
    let [size, hash] = [1, sha256(LEAF, leaf)]
    for (let last = this.#subtrees.at(-1); last?.size === size; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop()
      ;[size, hash] = [size * 2, sha256(NODE, last.hash, hash)]
    }
    this.#subtrees.push({ size, hash })
    this.#size += 1
  }

  /** The root of the leaves so far, 32 bytes; of none it is the SHA-256 of nothing. */
  root(): Uint8Array<ArrayBuffer> {
    const [last, ...larger] = this.#subtrees.toReversed()
    if (last === undefined) return sha256()
    return larger.reduce((right, { hash }) => sha256(NODE, hash, right), last.hash)
  }
}

/** The root of the leaves, 32 bytes. */
export function merkleRoot(leaves: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const hasher = new MerkleHasher()
  for (const leaf of leaves) hasher.add(leaf)
  return hasher.root()
}

/**
 * The leaves below each sibling on the way from a leaf up to the root: the roots of these ranges, in
 * this order, are the leaf's inclusion path. Throws a RangeError where the tree has no such leaf.
 */
export function siblingRanges(index: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(size) || !Number.isInteger(index) || index < 0 || index >= size)
    throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`)
  const ranges: LeafRange[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + largestPowerBelow(to - from)
    ranges.push(index < middle ? { from: middle, to } : { from, to: middle })
    if (index < middle) to = middle
    else from = middle
  }
  return ranges.toReversed()
}

/** The inclusion path of a leaf: sibling hashes from the leaf up. Throws as {@link siblingRanges}. */
export function inclusionPath(leaves: readonly Uint8Array[], index: number): Uint8Array<ArrayBuffer>[] {
  return siblingRanges(index, leaves.length).map(({ from, to }) => merkleRoot(leaves.slice(from, to)))
}

/** True where the path leads from the leaf at this place of a tree of this size to the root. */
export function inclusionHolds(
  leaf: Uint8Array,
  place: { readonly index: number | bigint; readonly size: number | bigint },
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const [index, size] = [Number(place.index), Number(place.size)]
  if (!Number.isSafeInteger(size) || !Number.isInteger(index) || index < 0 || index >= size) return false
  const ranges = siblingRanges(index, size)
  if (ranges.length !== path.length) return false
  let hash = sha256(LEAF, leaf)
  for (const [step, sibling] of path.entries()) {
    hash = ranges[step]!.from > index ? sha256(NODE, hash, sibling) : sha256(NODE, sibling, hash)
  }
  return equalBytes(hash, root)
}

/**
 * Collects the inclusion paths of some leaves while all leaves pass by, in order: one hash a leaf, and
 * in memory only the hashes on the paths. Throws a RangeError for a leaf that the tree has not.
 */
export class PathCollector {
  readonly #size: number
  /** Hashes on a path by level and place; undefined until they are known. */
  readonly #wanted = new Map<string, Uint8Array | undefined>()
  readonly #left: (Uint8Array | undefined)[] = []
  #next = 0

  constructor(size: number, indexes: Iterable<number>) {
    this.#size = size
    for (const index of indexes) {
      if (!Number.isInteger(index) || index < 0 || index >= size)
        throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`)
      for (const name of siblingNames(index, size)) this.#wanted.set(name, undefined)
    }
  }

  /** Takes the next leaf. */
  add(leaf: Uint8Array): void {
    this.#node(0, this.#next, sha256(LEAF, leaf))
    this.#next += 1
  }

  /** The path of a leaf that was asked for, after all leaves have passed. */
  path(index: number): Uint8Array[] {
    return siblingNames(index, this.#size).map((name) => {
      const hash = this.#wanted.get(name)
      if (hash === undefined) throw new RangeError(`the path of leaf ${index} is not complete`)
      return hash
    })
  }

  #node(level: number, place: number, hash: Uint8Array): void {
    const name = `${level} ${place}`
    if (this.#wanted.has(name)) this.#wanted.set(name, hash)
    const width = widthOf(this.#size, level)
    if (width <= 1) return
    if (place % 2 === 1) this.#node(level + 1, (place - 1) / 2, sha256(NODE, this.#left[level]!, hash))
    // The last of an odd number has no neighbour: it stands in the level above as it is.
    else if (place === width - 1) this.#node(level + 1, place / 2, hash)
    else this.#left[level] = hash
  }
}

/** Nodes of a level: 0 = the leaves. */
function widthOf(size: number, level: number): number {
  return Math.ceil(size / 2 ** level)
}

function siblingNames(index: number, size: number): string[] {
  const names: string[] = []
  let place = index
  for (let level = 0; widthOf(size, level) > 1; level += 1) {
    const sibling = place % 2 === 0 ? place + 1 : place - 1
    if (sibling < widthOf(size, level)) names.push(`${level} ${sibling}`)
    place = Math.floor(place / 2)
  }
  return names
}

function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}
