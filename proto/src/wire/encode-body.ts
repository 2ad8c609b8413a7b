import { toBinary } from '@bufbuild/protobuf'
import { LossSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import type { Columns } from './columns.ts'
import { ByteWriter } from './varint.ts'

const WORD = 2 ** 32

/**
 * Encodes columns as a BatchBody message. Throws where they break their own rules (an agent's bug):
 * a time that does not ascend or a register that falls inside a segment.
 */
export function encodeBody(columns: Columns): Uint8Array<ArrayBuffer> {
  const body = new ByteWriter()
  const column = new ByteWriter()
  body.field(1, columns.streamIds)
  body.varint(2 << 3, 0)
  body.varint64(BigInt(columns.timeBaseMs))
  const put = (number: number, write: (to: ByteWriter) => void): void => {
    column.clear()
    write(column)
    body.field(number, column.finish())
  }
  put(3, (to) => columns.segmentStream.forEach((value) => to.varint(value, 0)))
  put(4, (to) => writeEpochs(to, columns.segmentEpoch))
  put(5, (to) => columns.segmentRows.forEach((value) => to.varint(value, 0)))
  put(6, (to) =>
    writeDeltas(to, columns.timeMs, columns.segmentRows, { base: columns.timeBaseMs, ascending: true }),
  )
  put(7, (to) => writeDeltas(to, columns.register, columns.segmentRows, { base: 0, ascending: false }))
  put(8, (to) => columns.spanMs.forEach((value) => to.varint(value, 0)))
  for (const loss of columns.losses) {
    const bytes = toBinary(LossSchema, loss)
    body.varint((9 << 3) | 2, 0)
    body.varint(bytes.length, 0)
    body.bytes(bytes)
  }
  return body.finish()
}

/** Differences modulo 2^64, zigzag. */
function writeEpochs(to: ByteWriter, epochs: BigUint64Array): void {
  const pairs = wordsOf(epochs)
  let [lowBefore, highBefore] = [0, 0]
  for (let at = 0; at < pairs.length; at += 2) {
    const [low, high] = [pairs[at]!, pairs[at + 1]!]
    const lowDelta = low - lowBefore
    const highDelta = high - highBefore - (lowDelta < 0 ? 1 : 0)
    const sign = (highDelta | 0) >> 31
    to.varint((lowDelta << 1) ^ sign, ((highDelta << 1) | (lowDelta >>> 31)) ^ sign)
    lowBefore = low
    highBefore = high
  }
}

/** How the values of a segment follow each other. */
interface Course {
  /** What each segment begins at, at least. */
  readonly base: number
  /** Each value is above the one before. */
  readonly ascending: boolean
}

function writeDeltas(
  to: ByteWriter,
  values: BigUint64Array,
  segmentRows: Uint32Array,
  { ascending, base }: Course,
): void {
  const pairs = wordsOf(values)
  let at = 0
  for (const rows of segmentRows) {
    let [lowBefore, highBefore] = [base >>> 0, Math.floor(base / WORD)]
    for (let index = 0; index < rows; index++) {
      if (at >= pairs.length) throw new Error('a column is shorter than its segments')
      const [low, high] = [pairs[at]!, pairs[at + 1]!]
      const lowDelta = low - lowBefore
      const highDelta = high - highBefore - (lowDelta < 0 ? 1 : 0)
      const stands = ascending && index > 0 && highDelta === 0 && lowDelta === 0
      if (highDelta < 0 || stands) throw new Error('a column falls inside a segment')
      to.varint(lowDelta, highDelta)
      lowBefore = low
      highBefore = high
      at += 2
    }
  }
  if (at !== pairs.length) throw new Error('a column is longer than its segments')
}

/** Values as pairs of words, the low one first, on a little-endian machine: so no bigint is made of any. */
function wordsOf(values: BigUint64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, 2 * values.length)
}
