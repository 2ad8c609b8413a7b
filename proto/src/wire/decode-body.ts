import { fromBinary } from '@bufbuild/protobuf'
import { LossSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss } from '../gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { STREAM_ID_BYTES } from './columns.ts'
import type { Columns } from './columns.ts'
import { countVarints, decodeSums, decodeVarints, decodeWords } from './varint.ts'
import type { SumsRule } from './varint.ts'

/** Bounds of what one batch may hold. */
export interface BodyLimits {
  /** Readings. */
  readonly rowsMax: number
  /** Streams, segments and losses, each. */
  readonly streamsMax: number
}

/** Bounds used where none are given. */
export const BODY_LIMITS: BodyLimits = { rowsMax: 200_000, streamsMax: 50_000 }

const FIELD = {
  streamIds: 1,
  timeBase: 2,
  segmentStream: 3,
  segmentEpoch: 4,
  segmentRows: 5,
  time: 6,
  register: 7,
  span: 8,
  loss: 9,
}
/** Times are kept below 2^53: the high word of a larger one is at least this. */
const UNSAFE_HIGH_WORD = 0x20_0000

/** What the columns of varints are called in messages. */
const NAMES: Readonly<Record<number, string>> = {
  [FIELD.segmentStream]: 'segment_stream',
  [FIELD.segmentEpoch]: 'segment_epoch',
  [FIELD.segmentRows]: 'segment_rows',
  [FIELD.time]: 'time_ms',
  [FIELD.register]: 'register',
  [FIELD.span]: 'span_ms',
}
/** Registers of a segment begin at zero and may stand still. */
const REGISTERS: SumsRule = { base: new Uint32Array(2), ascending: false }

/** Where each field's bytes are, by its number: [start, end); both 0 = it is absent. */
interface Fields {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** Two words. */
  readonly timeBase: Uint32Array
  readonly losses: readonly Loss[]
}

class Malformed extends Error {}

/**
 * Decodes a BatchBody's bytes to typed arrays, strictly: a field out of order, twice, or unknown, a
 * time that does not ascend or a sum beyond its type is BATCH_MALFORMED, too much is BATCH_TOO_LARGE.
 */
export function decodeBody(bytes: Uint8Array, limits: BodyLimits = BODY_LIMITS): Result<Columns> {
  try {
    const fields = splitFields(bytes, limits)
    const rows = count(bytes, fields, FIELD.time)
    const segments = count(bytes, fields, FIELD.segmentRows)
    const idBytes = lengthOf(fields, FIELD.streamIds)
    if (rows > limits.rowsMax || Math.max(segments, idBytes / STREAM_ID_BYTES) > limits.streamsMax) {
      return fail('BATCH_TOO_LARGE', `${rows} readings in ${segments} segments; send smaller batches`)
    }
    return ok(columnsOf(bytes, fields, rows, segments))
  } catch (error) {
    if (error instanceof Malformed) return fail('BATCH_MALFORMED', `batch body: ${error.message}`)
    throw error
  }
}

function columnsOf(bytes: Uint8Array, fields: Fields, rows: number, segments: number): Columns {
  const idBytes = lengthOf(fields, FIELD.streamIds)
  if (idBytes % STREAM_ID_BYTES !== 0) throw new Malformed('a stream id has 16 bytes')
  const columns = emptyColumns(idBytes, rows, segments, fields)
  const { segmentStream, segmentRows } = columns
  // A copy is aligned for the words of an id.
  columns.streamIds.set(bytes.subarray(fields.starts[FIELD.streamIds], fields.ends[FIELD.streamIds]))
  readWords(bytes, fields, FIELD.segmentStream, segmentStream)
  readWords(bytes, fields, FIELD.segmentRows, segmentRows)
  let sum = 0
  for (let segment = 0; segment < segments; segment++) {
    if (segmentStream[segment]! >= idBytes / STREAM_ID_BYTES)
      throw new Malformed('segment_stream points beyond stream_ids')
    if (segmentRows[segment] === 0) throw new Malformed('a segment has no readings')
    sum += segmentRows[segment]!
  }
  if (sum !== rows) throw new Malformed('segment_rows do not add up to the readings')
  readTimes(bytes, fields, segmentRows, wordsOf(columns.timeMs))
  readSums(bytes, fields, FIELD.register, segmentRows, REGISTERS, wordsOf(columns.register))
  readEpochs(bytes, fields, wordsOf(columns.segmentEpoch))
  readWords(bytes, fields, FIELD.span, columns.spanMs)
  return columns
}

/** Columns in one piece of memory: one allocation instead of seven. */
function emptyColumns(idBytes: number, rows: number, segments: number, fields: Fields): Columns {
  // Words of 64 bits come first, so that all of them are aligned.
  const memory = new ArrayBuffer(idBytes + 20 * rows + 16 * segments)
  const timeAt = idBytes
  const registerAt = timeAt + 8 * rows
  const epochAt = registerAt + 8 * rows
  const spanAt = epochAt + 8 * segments
  const streamAt = spanAt + 4 * rows
  return {
    streamIds: new Uint8Array(memory, 0, idBytes),
    timeBaseMs: fields.timeBase[1]! * 2 ** 32 + fields.timeBase[0]!,
    segmentStream: new Uint32Array(memory, streamAt, segments),
    segmentEpoch: new BigUint64Array(memory, epochAt, segments),
    segmentRows: new Uint32Array(memory, streamAt + 4 * segments, segments),
    timeMs: new BigUint64Array(memory, timeAt, rows),
    register: new BigUint64Array(memory, registerAt, rows),
    spanMs: new Uint32Array(memory, spanAt, rows),
    losses: fields.losses,
  }
}

function readWords(bytes: Uint8Array, fields: Fields, field: number, words: Uint32Array): void {
  const found = decodeWords(bytes, fields.starts[field]!, fields.ends[field]!, words)
  if (found === -2) throw new Malformed(`a value of ${NAMES[field]} is beyond 32 bits`)
  if (found !== words.length) throw miscounted(field, words.length)
}

function readTimes(bytes: Uint8Array, fields: Fields, rows: Uint32Array, pairs: Uint32Array): void {
  readSums(bytes, fields, FIELD.time, rows, { base: fields.timeBase, ascending: true }, pairs)
  for (let at = 1; at < pairs.length; at += 2)
    if (pairs[at]! >= UNSAFE_HIGH_WORD) throw new Malformed('a time is beyond 2^53')
}

function readSums(
  bytes: Uint8Array,
  { starts, ends }: Fields,
  field: number,
  rows: Uint32Array,
  rule: SumsRule,
  pairs: Uint32Array,
): void {
  const fault = decodeSums(bytes, starts[field]!, ends[field]!, rows, rule, pairs)
  if (fault === 'count') throw miscounted(field, pairs.length / 2)
  if (fault === 'standstill') throw new Malformed('times of a segment ascend')
  if (fault === 'overflow') throw new Malformed('a sum of differences is beyond 64 bits')
}

function miscounted(field: number, values: number): Malformed {
  return new Malformed(`${NAMES[field]} has not its ${values} values`)
}

/** Differences, zigzag, wrap at 64 bits, so that any epoch may follow any other. */
function readEpochs(bytes: Uint8Array, { starts, ends }: Fields, pairs: Uint32Array): void {
  const field = FIELD.segmentEpoch
  if (decodeVarints(bytes, starts[field]!, ends[field]!, pairs) !== pairs.length / 2)
    throw miscounted(field, pairs.length / 2)
  let low = 0
  let high = 0
  for (let at = 0; at < pairs.length; at += 2) {
    const sign = -(pairs[at]! & 1)
    const addLow = (((pairs[at]! >>> 1) | (pairs[at + 1]! << 31)) ^ sign) >>> 0
    const sum = (low + addLow) >>> 0
    high = (high + ((pairs[at + 1]! >>> 1) ^ sign) + (sum < low ? 1 : 0)) >>> 0
    low = sum
    pairs[at] = low
    pairs[at + 1] = high
  }
}

function splitFields(bytes: Uint8Array, limits: BodyLimits): Fields {
  const starts = Array.from({ length: FIELD.loss }, () => 0)
  const ends = Array.from({ length: FIELD.loss }, () => 0)
  const losses: Loss[] = []
  const timeBase = new Uint32Array(2)
  const value = new Uint32Array(2)
  let at = 0
  let last = 0
  while (at < bytes.length) {
    const tagEnd = readVarint(bytes, at, value)
    // Longer ones are read differently by different decoders.
    if (tagEnd !== at + 1) throw new Malformed('a tag has more than one byte')
    const tag = value[0]!
    const field = tag >>> 3
    const repeats = field === last && field !== FIELD.loss
    if (field < last || repeats || field > FIELD.loss)
      throw new Malformed(`field ${field} is unknown or out of place`)
    if ((tag & 7) !== (field === FIELD.timeBase ? 0 : 2))
      throw new Malformed(`field ${field} has the wrong type`)
    last = field
    at = readVarint(bytes, tagEnd, value)
    if (field === FIELD.timeBase) {
      timeBase.set(value)
      continue
    }
    const end = at + value[0]!
    if (value[1] !== 0 || end > bytes.length) throw new Malformed('it ends in the middle')
    if (field === FIELD.loss) {
      if (losses.length >= limits.streamsMax) throw new Malformed('it holds more losses than the bound')
      losses.push(readLoss(bytes.subarray(at, end)))
    } else {
      starts[field] = at
      ends[field] = end
    }
    at = end
  }
  return { starts, ends, timeBase, losses }
}

/** Reads a varint into two words; gives where it ends. */
function readVarint(bytes: Uint8Array, start: number, words: Uint32Array): number {
  let end = start
  while (end < bytes.length && bytes[end]! >= 0x80) end++
  if (end === bytes.length || decodeVarints(bytes, start, end + 1, words) !== 1)
    throw new Malformed('it ends in the middle')
  return end + 1
}

function readLoss(bytes: Uint8Array): Loss {
  try {
    return fromBinary(LossSchema, bytes)
  } catch {
    throw new Malformed('a loss is not a Loss message')
  }
}

function count(bytes: Uint8Array, { starts, ends }: Fields, field: number): number {
  return countVarints(bytes, starts[field]!, ends[field]!)
}

function lengthOf({ starts, ends }: Fields, field: number): number {
  return ends[field]! - starts[field]!
}

/** The same memory as words, low and high. */
function wordsOf({ buffer, byteOffset, length }: BigUint64Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return new Uint32Array(buffer, byteOffset, 2 * length)
}
