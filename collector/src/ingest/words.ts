/** Views of typed arrays as words of 32 bits, little-endian: a 64-bit value is a low and a high word. */

/** The same memory as words; copied where it does not lie on a word's boundary. */
export function wordsOf(values: Uint8Array | BigUint64Array): Uint32Array {
  const { buffer, byteOffset, byteLength } = values
  if (byteOffset % 4 === 0) return new Uint32Array(buffer, byteOffset, byteLength / 4)
  return new Uint32Array(Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength)).buffer)
}

/** Negative, zero or positive as the 64-bit value at `left[at]` is below, at or above that at `right[other]`. */
export function compareWords(left: Uint32Array, at: number, right: Uint32Array, other: number): number {
  return left[at + 1]! - right[other + 1]! || left[at]! - right[other]!
}

/** Epoch milliseconds at a row of a column of times, without a bigint for each; times that were taken are far below 2^53. */
export function instantAt(times: Uint32Array, row: number): number {
  return times[2 * row + 1]! * 2 ** 32 + times[2 * row]!
}
