import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { WordTable } from './word-table.ts'
import { wordsOf } from './words.ts'

const ID_WORDS = STREAM_ID_BYTES / 4
/** Class, and what the attributes were. */
const VALUE_WORDS = 3
/** Of the stream looked up last: there are many tables, and one is used at a time. */
const VALUE = new Uint32Array(VALUE_WORDS)

/** The streams that were declared on one connection. */
export class DeclaredStreams {
  readonly #table: WordTable
  /** In the order of their indices. */
  readonly #classes = new Map<string, number>()
  #names: readonly string[] = []

  /** @param streamsMax more are never declared. */
  constructor(streamsMax: number, seed: number) {
    this.#table = new WordTable({
      keyWords: ID_WORDS,
      valueWords: VALUE_WORDS,
      // One more than there may be: what is declared is never forgotten.
      entriesMax: streamsMax + 1,
      seed,
    })
  }

  /** Streams declared. */
  get size(): number {
    return this.#table.size
  }

  /**
   * Notes a stream with its meter and the digest of its attributes (at least 8 bytes).
   * Returns true where it is new, or where its attributes are.
   */
  declare(streamId: Uint8Array, meter: string, attributesDigest: Uint8Array): boolean {
    const key = wordsOf(streamId)
    const [low, high] = wordsOf(attributesDigest.slice(0, 8))
    const known = this.#table.get(key, 0, VALUE)
    if (known && VALUE[1] === low && VALUE[2] === high) return false
    this.#table.set(key, 0, Uint32Array.of(this.#classIndex(classOf(meter)), low!, high!))
    return true
  }

  /** The class of each stream of a batch, or the index of the first that was not declared. */
  classes(streamIds: Columns['streamIds']): readonly string[] | number {
    if (this.#names.length === 0) this.#names = [...this.#classes.keys()]
    const ids = wordsOf(streamIds)
    const classes: string[] = []
    for (let at = 0; at < ids.length; at += ID_WORDS) {
      if (!this.#table.get(ids, at, VALUE)) return at / ID_WORDS
      classes.push(this.#names[VALUE[0]!]!)
    }
    return classes
  }

  #classIndex(name: string): number {
    const known = this.#classes.get(name)
    if (known !== undefined) return known
    this.#classes.set(name, this.#classes.size)
    this.#names = []
    return this.#classes.size - 1
  }
}

/** The class of a meter: its name without the last word, `host.network` of `host.network.received`. */
export function classOf(meter: string): string {
  return meter.slice(0, meter.lastIndexOf('.'))
}
