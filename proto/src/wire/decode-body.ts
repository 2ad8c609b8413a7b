import { fromBinary } from '@bufbuild/protobuf'
import { LossSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss } from '../gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { STREAM_ID_BYTES } from './columns.ts'
import type { Columns } from './columns.ts'
import { countVarints, decodeVarints, decodeWords } from './varint.ts'

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

interface Slice {
  readonly start: number
  readonly end: number
}

interface Fields {
  readonly slices: ReadonlyMap<number, Slice>
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
    const rows = count(bytes, fields.slices.get(FIELD.time))
    const segments = count(bytes, fields.slices.get(FIELD.segmentRows))
    const idBytes = lengthOf(fields.slices.get(FIELD.streamIds))
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
  const ids = fields.slices.get(FIELD.streamIds) ?? { start: 0, end: 0 }
  if ((ids.end - ids.start) % STREAM_ID_BYTES !== 0) throw new Malformed('a stream id has 16 bytes')
  const streams = (ids.end - ids.start) / STREAM_ID_BYTES
  const pairs = (field: number, length: number, name: string): Uint32Array<ArrayBuffer> => {
    const out = new Uint32Array(length * 2)
    const slice = fields.slices.get(field) ?? { start: 0, end: 0 }
    if (decodeVarints(bytes, slice.start, slice.end, out) !== length)
      throw new Malformed(`${name} has not its ${length} values`)
    return out
  }
  const words = (field: number, length: number, name: string): Uint32Array<ArrayBuffer> => {
    const out = new Uint32Array(length)
    const slice = fields.slices.get(field) ?? { start: 0, end: 0 }
    const found = decodeWords(bytes, slice.start, slice.end, out)
    if (found === -2) throw new Malformed(`a value of ${name} is beyond 32 bits`)
    if (found !== length) throw new Malformed(`${name} has not its ${length} values`)
    return out
  }
  const segmentStream = words(FIELD.segmentStream, segments, 'segment_stream')
  if (segmentStream.some((index) => index >= streams))
    throw new Malformed('segment_stream points beyond stream_ids')
  const segmentRows = words(FIELD.segmentRows, segments, 'segment_rows')
  if (
    segmentRows.some((value) => value === 0) ||
    segmentRows.reduce((sum, value) => sum + value, 0) !== rows
  ) {
    throw new Malformed('segment_rows do not add up to the readings')
  }
  const time = pairs(FIELD.time, rows, 'time_ms')
  accumulate(time, segmentRows, fields.timeBase, true)
  for (let at = 1; at < time.length; at += 2)
    if (time[at]! >= UNSAFE_HIGH_WORD) throw new Malformed('a time is beyond 2^53')
  const register = pairs(FIELD.register, rows, 'register')
  accumulate(register, segmentRows, new Uint32Array(2), false)
  return {
    // A Buffer's slice shares its memory at any offset: a copy is aligned for the words of an id.
    streamIds: new Uint8Array(bytes.subarray(ids.start, ids.end)),
    timeBaseMs: Number(new BigUint64Array(fields.timeBase.buffer)[0]),
    segmentStream,
    segmentEpoch: epochsOf(pairs(FIELD.segmentEpoch, segments, 'segment_epoch')),
    segmentRows,
    timeMs: new BigUint64Array(time.buffer),
    register: new BigUint64Array(register.buffer),
    spanMs: words(FIELD.span, rows, 'span_ms'),
    losses: fields.losses,
  }
}

/** Turns differences into values, segment by segment, in place. */
function accumulate(
  pairs: Uint32Array,
  segmentRows: Uint32Array,
  base: Uint32Array,
  ascending: boolean,
): void {
  let at = 0
  for (const rows of segmentRows) {
    let low = base[0]!
    let high = base[1]!
    for (let index = 0; index < rows; index++, at += 2) {
      const addLow = pairs[at]!
      const addHigh = pairs[at + 1]!
      if (ascending && index > 0 && addLow === 0 && addHigh === 0)
        throw new Malformed('times of a segment ascend')
      const lowSum = low + addLow
      low = lowSum >>> 0
      high = high + addHigh + (lowSum > 0xffff_ffff ? 1 : 0)
      if (high > 0xffff_ffff) throw new Malformed('a sum of differences is beyond 64 bits')
      pairs[at] = low
      pairs[at + 1] = high
    }
  }
}

/** Epochs are few: bigint arithmetic is fine here. */
function epochsOf(pairs: Uint32Array<ArrayBuffer>): BigUint64Array<ArrayBuffer> {
  const epochs = new BigUint64Array(pairs.buffer)
  let previous = 0n
  epochs.forEach((zigzag, index) => {
    // Differences wrap at 64 bits, so that any epoch may follow any other.
    previous = BigInt.asUintN(64, previous + ((zigzag >> 1n) ^ -(zigzag & 1n)))
    epochs[index] = previous
  })
  return epochs
}

function splitFields(bytes: Uint8Array, limits: BodyLimits): Fields {
  const slices = new Map<number, Slice>()
  const losses: Loss[] = []
  let timeBase = new Uint32Array(2)
  let at = 0
  let last = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    // Longer ones are read differently by different decoders.
    if (tag.end !== at + 1) throw new Malformed('a tag has more than one byte')
    const field = tag.words[0]! >>> 3
    const repeats = field === last && field !== FIELD.loss
    if (field < last || repeats || field > FIELD.loss)
      throw new Malformed(`field ${field} is unknown or out of place`)
    if ((tag.words[0]! & 7) !== (field === FIELD.timeBase ? 0 : 2))
      throw new Malformed(`field ${field} has the wrong type`)
    last = field
    const value = readVarint(bytes, tag.end)
    at = value.end
    if (field === FIELD.timeBase) {
      timeBase = value.words
      continue
    }
    const end = at + value.words[0]!
    if (value.words[1] !== 0 || end > bytes.length) throw new Malformed('it ends in the middle')
    if (field !== FIELD.loss) slices.set(field, { start: at, end })
    else if (losses.length < limits.streamsMax) losses.push(readLoss(bytes.subarray(at, end)))
    else throw new Malformed('it holds more losses than the bound')
    at = end
  }
  return { slices, timeBase, losses }
}

function readVarint(bytes: Uint8Array, start: number): { words: Uint32Array<ArrayBuffer>; end: number } {
  let end = start
  while (end < bytes.length && bytes[end]! >= 0x80) end++
  const pair = new Uint32Array(2)
  if (end === bytes.length || decodeVarints(bytes, start, end + 1, pair) !== 1)
    throw new Malformed('it ends in the middle')
  return { words: pair, end: end + 1 }
}

function readLoss(bytes: Uint8Array): Loss {
  try {
    return fromBinary(LossSchema, bytes)
  } catch {
    throw new Malformed('a loss is not a Loss message')
  }
}

function count(bytes: Uint8Array, slice: Slice | undefined): number {
  return slice === undefined ? 0 : countVarints(bytes, slice.start, slice.end)
}

function lengthOf(slice: Slice | undefined): number {
  return slice === undefined ? 0 : slice.end - slice.start
}
