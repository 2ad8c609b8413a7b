import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'

/** Ends the check: the item at this path of the proof does not fit. Fault: PROOF_MISMATCH. */
export function mismatch(path: string, message: string): never {
  throwFault('PROOF_MISMATCH', `${path}: ${message}`, { pointer: path })
}

/** Checks a number or text of the proof against what follows from the rest. */
export function same(
  path: string,
  shown: string | number | bigint,
  computed: string | number | bigint,
): void {
  if (shown !== computed) mismatch(path, `says ${shown}, but ${computed} follows from the evidence`)
}

/** Checks bytes of the proof against what follows from the rest. */
export function sameBytes(path: string, shown: Uint8Array, computed: Uint8Array): void {
  if (!equalBytes(shown, computed))
    mismatch(path, `says ${toHex(shown)}, but ${toHex(computed)} follows from the evidence`)
}

/** A part of the proof that must be there. */
export function present<T>(path: string, part: T | undefined): T {
  return part ?? mismatch(path, 'is missing')
}

/** Milliseconds since 1970 from the wire. */
export function instantOf(path: string, ms: bigint): number {
  const value = Number(ms)
  return Number.isSafeInteger(value) && value >= 0 ? value : mismatch(path, `${ms} is not an instant`)
}

/** The position in a list of each key; a key that occurs twice does not fit. */
export function uniqueIndex<T>(
  path: string,
  list: readonly T[],
  keyOf: (item: T) => string,
): Map<string, number> {
  const index = new Map<string, number>()
  for (const [i, item] of list.entries()) {
    const key = keyOf(item)
    if (index.has(key)) mismatch(`${path}[${i}]`, `repeats ${path}[${index.get(key)}]`)
    index.set(key, i)
  }
  return index
}
