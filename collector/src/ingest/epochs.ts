import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { EpochKey, LastReading } from '../ports.ts'
import { WordTable } from './word-table.ts'
import { compareWords, wordsOf } from './words.ts'

const ID_WORDS = STREAM_ID_BYTES / 4
const KEY_WORDS = ID_WORDS + 2
/** Time and register of a reading. */
const VALUE_WORDS = 4
const REGISTER = 2

/** The newest reading of each epoch of each stream, among those used last. Registers never fall within an epoch. */
export class Epochs {
  readonly #table: WordTable
  readonly #key = new Uint32Array(KEY_WORDS)
  readonly #known = new Uint32Array(VALUE_WORDS)
  readonly #first = new Uint32Array(VALUE_WORDS)
  readonly #last = new Uint32Array(VALUE_WORDS)
  /** What the epochs of the batch were before it; it grows to the largest batch. */
  #undo = new Uint32Array()

  /** @param epochsMax epochs remembered; others are asked of the archive. */
  constructor(epochsMax: number, seed: number) {
    this.#table = new WordTable({ keyWords: KEY_WORDS, valueWords: VALUE_WORDS, entriesMax: epochsMax, seed })
  }

  /** Remembers what the archive knows of an epoch. */
  learn({ streamId, epoch }: EpochKey, { timeMs, register }: LastReading): void {
    this.#key.set(wordsOf(streamId))
    this.#key.set(wordsOf(BigUint64Array.of(epoch)), ID_WORDS)
    this.#table.set(this.#key, 0, wordsOf(BigUint64Array.of(timeMs, register)))
  }

  /**
   * Checks that no register falls, against what is remembered and from segment to segment, and remembers the
   * newest readings. Within a segment nothing can fall. Where it ends otherwise everything is as before: epochs that
   * are not remembered are given back, so that the archive is asked for them and `learn` told. Faults: READING_DECREASING.
   *
   * @param asked the archive has been asked: what is not remembered is new.
   */
  advance(columns: Columns, asked: boolean): Result<readonly EpochKey[]> {
    const ids = wordsOf(columns.streamIds)
    const epochs = wordsOf(columns.segmentEpoch)
    const times = wordsOf(columns.timeMs)
    const registers = wordsOf(columns.register)
    const segments = columns.segmentRows.length
    const undo = this.#undoOf(segments)
    let row = 0
    for (let segment = 0; segment < segments; segment++) {
      load(this.#first, times, registers, row)
      row += columns.segmentRows[segment]!
      load(this.#last, times, registers, row - 1)
      this.#point(columns, ids, epochs, segment)
      const found = this.#table.get(this.#key, 0, this.#known)
      if (!found && !asked) {
        this.#restore(columns, ids, epochs, undo, segment)
        return ok(this.#unknown(columns, ids, epochs))
      }
      // Of an epoch that was not known nothing is known again after a fault: time zero is before every reading.
      if (!found) this.#table.set(this.#key, 0, this.#last)
      else if (contradicts(this.#first, this.#known) || contradicts(this.#last, this.#known)) {
        const fault = this.#fault(columns, segment)
        this.#restore(columns, ids, epochs, undo, segment)
        return fault
      } else {
        undo.set(this.#known, segment * VALUE_WORDS)
        if (compareWords(this.#last, 0, this.#known, 0) > 0) this.#table.replace(this.#last)
      }
    }
    return ok([])
  }

  #undoOf(segments: number): Uint32Array {
    const words = segments * VALUE_WORDS
    if (this.#undo.length < words) this.#undo = new Uint32Array(words)
    return this.#undo.fill(0, 0, words)
  }

  #unknown(columns: Columns, ids: Uint32Array, epochs: Uint32Array): EpochKey[] {
    const unknown: EpochKey[] = []
    for (let segment = 0; segment < columns.segmentRows.length; segment++) {
      this.#point(columns, ids, epochs, segment)
      if (!this.#table.get(this.#key, 0, this.#known)) unknown.push(keyOf(columns, segment))
    }
    return unknown
  }

  #restore(
    columns: Columns,
    ids: Uint32Array,
    epochs: Uint32Array,
    undo: Uint32Array,
    segments: number,
  ): void {
    // From the last to the first: an epoch in several segments ends with what it was before them all.
    for (let segment = segments - 1; segment >= 0; segment--) {
      this.#point(columns, ids, epochs, segment)
      this.#table.set(this.#key, 0, undo.subarray(segment * VALUE_WORDS, (segment + 1) * VALUE_WORDS))
    }
  }

  #point(columns: Columns, ids: Uint32Array, epochs: Uint32Array, segment: number): void {
    const key = this.#key
    const id = columns.segmentStream[segment]! * ID_WORDS
    for (let word = 0; word < ID_WORDS; word++) key[word] = ids[id + word]!
    key[ID_WORDS] = epochs[segment * 2]!
    key[ID_WORDS + 1] = epochs[segment * 2 + 1]!
  }

  #fault(columns: Columns, segment: number): Result<never> {
    const stream = keyOf(columns, segment).streamId.toHex()
    const [stood, first, last] = [this.#known, this.#first, this.#last].map((reading) => registerOf(reading))
    return fail(
      'READING_DECREASING',
      `stream ${stream} stood at ${stood} and came with ${first}..${last} in the same epoch; a reset must open a new epoch`,
    )
  }
}

function keyOf({ streamIds, segmentStream, segmentEpoch }: Columns, segment: number): EpochKey {
  const offset = segmentStream[segment]! * STREAM_ID_BYTES
  return { streamId: streamIds.subarray(offset, offset + STREAM_ID_BYTES), epoch: segmentEpoch[segment]! }
}

function load(reading: Uint32Array, times: Uint32Array, registers: Uint32Array, row: number): void {
  reading[0] = times[row * 2]!
  reading[1] = times[row * 2 + 1]!
  reading[REGISTER] = registers[row * 2]!
  reading[REGISTER + 1] = registers[row * 2 + 1]!
}

function registerOf(reading: Uint32Array): bigint {
  return (BigInt(reading[REGISTER + 1]!) << 32n) | BigInt(reading[REGISTER]!)
}

/** Later with less, earlier with more, or at one time with another. */
function contradicts(reading: Uint32Array, known: Uint32Array): boolean {
  const time = compareWords(reading, 0, known, 0)
  const register = compareWords(reading, REGISTER, known, REGISTER)
  if (time > 0) return register < 0
  return time < 0 ? register > 0 : register !== 0
}
