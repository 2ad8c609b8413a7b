import { expect, it } from 'vitest'
import { type RowBinary, parsedRows } from './row-binary.ts'

const u64 = (value: bigint): number[] => Array.from(new Uint8Array(BigUint64Array.of(value).buffer))
const FIRST = [...u64(2n), 0xab, 0xcd, 2, ...u64(1n), ...u64(2n ** 64n - 1n), 1, ...u64(1_700_000_000_000n)]
const SECOND = [...u64(2n), 0x00, 0x01, 0, 1, ...u64(2n ** 53n - 1n)]
const ANSWER = Buffer.from([...FIRST, ...SECOND])

function parse(row: RowBinary) {
  return { id: row.hex(2), registers: [...row.uint64s()], times: [...row.integers()] }
}

it('columns are read one after another, rows as well', () => {
  expect(parsedRows(ANSWER, parse)).toEqual([
    { id: 'abcd', registers: [1n, 2n ** 64n - 1n], times: [1_700_000_000_000] },
    { id: '0001', registers: [], times: [2 ** 53 - 1] },
  ])
  expect(parsedRows(Buffer.alloc(0), parse)).toEqual([])
})

it('tuples in an array follow one another', () => {
  const bytes = Buffer.from([...u64(1n), 2, ...u64(5n), ...u64(6n), ...u64(7n), ...u64(8n)])
  expect(parsedRows(bytes, (row) => row.list(() => [row.integer(), row.uint64()]))).toEqual([
    [
      [5, 6n],
      [7, 8n],
    ],
  ])
})

it('an array of hundreds has its length in two octets', () => {
  const times = Array.from({ length: 300 }, (_, i) => u64(BigInt(i)))
  const bytes = Buffer.from([...u64(1n), 0xac, 2, ...times.flat()])
  expect(parsedRows(bytes, (row) => row.integers().at(-1))).toEqual([299])
})

it('an answer that is cut anywhere is found, and so is one with something behind it', () => {
  for (let length = 1; length < ANSWER.length; length += 1)
    expect(() => parsedRows(ANSWER.subarray(0, length), parse), `${length} octets`).toThrow()
  expect(() => parsedRows(Buffer.concat([ANSWER, Buffer.from('Code: 241')]), parse)).toThrow()
})

it('a number that a double does not hold is refused', () => {
  for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 2n ** 53n]) {
    const bytes = Buffer.from([...u64(1n), 1, ...u64(value)])
    expect(() => parsedRows(bytes, (row) => row.integers())).toThrow('not a safe integer')
  }
})
