import { toBinary } from '@bufbuild/protobuf'
import { LossSchema } from '../gen/vouch/ingest/v1/batch_pb.ts'
import type { Columns } from './columns.ts'
import { ByteWriter } from './varint.ts'

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
  put(6, (to) => writeDeltas(to, columns.timeMs, columns.segmentRows, BigInt(columns.timeBaseMs), 1n))
  put(7, (to) => writeDeltas(to, columns.register, columns.segmentRows, 0n, 0n))
  put(8, (to) => columns.spanMs.forEach((value) => to.varint(value, 0)))
  for (const loss of columns.losses) {
    const bytes = toBinary(LossSchema, loss)
    body.varint((9 << 3) | 2, 0)
    body.varint(bytes.length, 0)
    body.bytes(bytes)
  }
  return body.finish()
}

function writeEpochs(to: ByteWriter, epochs: BigUint64Array): void {
  let previous = 0n
  for (const epoch of epochs) {
    const delta = BigInt.asIntN(64, epoch - previous)
    to.varint64(BigInt.asUintN(64, (delta << 1n) ^ (delta >> 63n)))
    previous = epoch
  }
}

function writeDeltas(
  to: ByteWriter,
  values: BigUint64Array,
  segmentRows: Uint32Array,
  base: bigint,
  stepMin: bigint,
): void {
  let row = 0
  for (const rows of segmentRows) {
    let previous = base
    for (let index = 0; index < rows; index++) {
      const value = values[row++]
      if (value === undefined) throw new Error('a column is shorter than its segments')
      const delta = value - previous
      if (delta < (index === 0 ? 0n : stepMin)) throw new Error('a column falls inside a segment')
      to.varint64(delta)
      previous = value
    }
  }
  if (row !== values.length) throw new Error('a column is longer than its segments')
}
