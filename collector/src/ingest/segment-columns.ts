import type { Columns } from '@vouch/proto/wire/body.ts'
import type { AdmittedBatch } from '../ports.ts'
import type { ColumnMemory } from './column-memory.ts'
import { orderOfIds } from './segment-order.ts'
import { wordsOf } from './words.ts'

/** What a signed body says, and where it stands. */
export type SignedReadings = Pick<AdmittedBatch, 'agentId' | 'runId' | 'sequence' | 'classes'> & {
  readonly columns: Columns
}

/** What is stored of segments. */
export interface SegmentColumns {
  readonly segments: number
  /** Ids are two words of 64 bits. */
  readonly stream: BigUint64Array
  readonly run: BigUint64Array
  readonly epoch: BigUint64Array
  readonly firstTime: BigUint64Array
  readonly lastTime: BigUint64Array
  readonly sequence: BigUint64Array
  readonly firstRow: Uint32Array
  /** Readings up to the end of the segment, as arrays are delimited. */
  readonly ends: BigUint64Array
  /** The distinct classes, and each segment's among them. */
  readonly names: readonly string[]
  readonly classes: Uint32Array
  /** The readings of all segments, side by side. */
  readonly times: BigUint64Array
  readonly registers: BigUint64Array
  readonly spans: Uint32Array
}

/** Segments in the order of arrival. */
interface Arrived {
  readonly stream: BigUint64Array
  readonly epoch: BigUint64Array
  readonly classes: Uint32Array
  /** Readings of each, where they begin in its batch, and where among those of all batches. */
  readonly rows: Uint32Array
  readonly firstRow: Uint32Array
  readonly begin: Uint32Array
  /** Number of its batch. */
  readonly batch: Uint32Array
  /** Per batch. */
  readonly run: BigUint64Array
  readonly sequence: BigUint64Array
}

const ID_WORDS = 4
/** What all columns take for a segment, a reading and a batch, as it arrived and as it is stored; and how many they are. */
const SEGMENT_OCTETS = 136
const READING_OCTETS = 28
const BATCH_OCTETS = 16
const COLUMNS_MAX = 32

/**
 * The segments of all batches, sorted by stream, those of one stream in the order of arrival. So the engine finds
 * them sorted, and moves no column of any row again. Each column is put side by side before it is brought into the
 * other order: one at a time they fit what the processor reaches fast, all batches together do not.
 *
 * @param memory holds the columns given back: they are good until it is used again.
 */
export function segmentColumns(taken: readonly SignedReadings[], memory: ColumnMemory): SegmentColumns {
  const segments = taken.reduce((sum, { columns }) => sum + columns.segmentRows.length, 0)
  const readings = taken.reduce((sum, { columns }) => sum + columns.timeMs.length, 0)
  memory.begin(
    SEGMENT_OCTETS * segments + READING_OCTETS * readings + BATCH_OCTETS * taken.length,
    COLUMNS_MAX,
  )
  const names = new Map<string, number>()
  const arrived = arrivedOf(taken, segments, names, memory)
  const order = orderOfIds(wordsOf(arrived.stream))
  const numbersIn = (from: Uint32Array): Uint32Array => numbersAt(from, order, memory.numbers(segments))
  const batch = numbersIn(arrived.batch)
  const rows = numbersIn(arrived.rows)
  const begin = numbersIn(arrived.begin)
  const room = memory.words(readings)
  const inOrder = (pick: (columns: Columns) => BigUint64Array): BigUint64Array => {
    join(taken, pick, room)
    return gatherWords(room, begin, rows, memory.words(readings))
  }
  const times = inOrder(({ timeMs }) => timeMs)
  return {
    segments,
    stream: pairsAt(arrived.stream, order, memory.words(2 * segments)),
    run: pairsAt(arrived.run, batch, memory.words(2 * segments)),
    epoch: wordsAt(arrived.epoch, order, memory.words(segments)),
    ...endsOf(rows, times, memory),
    sequence: wordsAt(arrived.sequence, batch, memory.words(segments)),
    firstRow: numbersIn(arrived.firstRow),
    names: [...names.keys()],
    classes: numbersIn(arrived.classes),
    times,
    registers: inOrder(({ register }) => register),
    spans: gatherNumbers(
      join(taken, ({ spanMs }) => spanMs, wordsOf(room).subarray(0, readings)),
      begin,
      rows,
      memory.numbers(readings),
    ),
  }
}

function arrivedOf(
  taken: readonly SignedReadings[],
  segments: number,
  names: Map<string, number>,
  memory: ColumnMemory,
): Arrived {
  const arrived = {
    stream: memory.words(2 * segments),
    epoch: memory.words(segments),
    classes: memory.numbers(segments),
    rows: memory.numbers(segments),
    firstRow: memory.numbers(segments),
    begin: memory.numbers(segments),
    batch: memory.numbers(segments),
    run: memory.words(2 * taken.length),
    sequence: BigUint64Array.from(taken, ({ sequence }) => sequence),
  }
  const [streams, runs] = [wordsOf(arrived.stream), wordsOf(arrived.run)]
  let from = 0
  let reading = 0
  taken.forEach(({ columns, classes, runId }, number) => {
    const to = from + columns.segmentRows.length
    arrived.epoch.set(columns.segmentEpoch, from)
    arrived.rows.set(columns.segmentRows, from)
    arrived.batch.fill(number, from, to)
    runs.set(wordsOf(runId), ID_WORDS * number)
    placeSegments(columns, indicesIn(names, classes), reading, {
      streams: streams.subarray(ID_WORDS * from, ID_WORDS * to),
      classes: arrived.classes.subarray(from, to),
      firstRow: arrived.firstRow.subarray(from, to),
      begin: arrived.begin.subarray(from, to),
    })
    from = to
    reading += columns.timeMs.length
  })
  return arrived
}

/** Notes what the segments of one batch say by their streams, and where they begin. */
function placeSegments(
  { segmentRows, segmentStream, streamIds }: Columns,
  classOf: Uint32Array,
  reading: number,
  to: Pick<Arrived, 'classes' | 'firstRow' | 'begin'> & { readonly streams: Uint32Array },
): void {
  const { streams, classes, firstRow, begin } = to
  const ids = wordsOf(streamIds)
  let row = 0
  for (let at = 0; at < segmentRows.length; at++) {
    const own = segmentStream[at]!
    for (let word = 0; word < ID_WORDS; word++) streams[ID_WORDS * at + word] = ids[ID_WORDS * own + word]!
    classes[at] = classOf[own]!
    firstRow[at] = row
    begin[at] = reading + row
    row += segmentRows[at]!
  }
}

/** The readings of all batches side by side. */
function join<T extends BigUint64Array | Uint32Array>(
  taken: readonly SignedReadings[],
  pick: (columns: Columns) => T,
  to: T,
): T {
  let at = 0
  for (const { columns } of taken) {
    const values = pick(columns)
    to.set(values as never, at)
    at += values.length
  }
  return to
}

function numbersAt(from: Uint32Array, places: Uint32Array, to: Uint32Array): Uint32Array {
  for (let at = 0; at < places.length; at++) to[at] = from[places[at]!]!
  return to
}

function wordsAt(from: BigUint64Array, places: Uint32Array, to: BigUint64Array): BigUint64Array {
  for (let at = 0; at < places.length; at++) to[at] = from[places[at]!]!
  return to
}

function pairsAt(from: BigUint64Array, places: Uint32Array, to: BigUint64Array): BigUint64Array {
  for (let at = 0; at < places.length; at++) {
    to[2 * at] = from[2 * places[at]!]!
    to[2 * at + 1] = from[2 * places[at]! + 1]!
  }
  return to
}

/** Where the readings of each segment end, and the times of its first and its last. */
function endsOf(
  rows: Uint32Array,
  times: BigUint64Array,
  memory: ColumnMemory,
): Pick<SegmentColumns, 'ends' | 'firstTime' | 'lastTime'> {
  const ends = memory.words(rows.length)
  const firstTime = memory.words(rows.length)
  const lastTime = memory.words(rows.length)
  const words = wordsOf(ends)
  let end = 0
  for (let at = 0; at < rows.length; at++) {
    firstTime[at] = times[end]!
    end += rows[at]!
    lastTime[at] = times[end - 1]!
    words[2 * at] = end
    words[2 * at + 1] = 0
  }
  return { ends, firstTime, lastTime }
}

function gatherWords(
  from: BigUint64Array,
  begin: Uint32Array,
  rows: Uint32Array,
  to: BigUint64Array,
): BigUint64Array {
  let place = 0
  for (let at = 0; at < rows.length; at++) {
    const end = begin[at]! + rows[at]!
    for (let row = begin[at]!; row < end; row++) to[place++] = from[row]!
  }
  return to
}

function gatherNumbers(
  from: Uint32Array,
  begin: Uint32Array,
  rows: Uint32Array,
  to: Uint32Array,
): Uint32Array {
  let place = 0
  for (let at = 0; at < rows.length; at++) {
    const end = begin[at]! + rows[at]!
    for (let row = begin[at]!; row < end; row++) to[place++] = from[row]!
  }
  return to
}

/** Index of each name; streams of one class mostly stand together. */
function indicesIn(names: Map<string, number>, wanted: readonly string[]): Uint32Array {
  const indices = new Uint32Array(wanted.length)
  for (let at = 0; at < wanted.length; at++)
    indices[at] = at > 0 && wanted[at] === wanted[at - 1] ? indices[at - 1]! : indexIn(names, wanted[at]!)
  return indices
}

function indexIn(names: Map<string, number>, name: string): number {
  const known = names.get(name)
  if (known !== undefined) return known
  names.set(name, names.size)
  return names.size - 1
}
