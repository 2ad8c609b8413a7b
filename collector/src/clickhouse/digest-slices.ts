/** Digests in one slice: what a query holds in memory at once. */
const SLICE_DIGESTS = 2_000_000
const DIGEST_HEX = 64
/** Digests are spread evenly over their first 32 bits. */
const SPACE = 2 ** 32

/** A range of digests, both ends included, hexadecimal. */
export interface DigestSlice {
  readonly low: string
  readonly high: string
}

/** Cuts all digests into ranges so that of `count` digests each holds a bounded number. */
export function digestSlices(count: number, sliceDigests = SLICE_DIGESTS): DigestSlice[] {
  const slices = Math.max(1, Math.ceil(count / sliceDigests))
  const bound = (index: number): number => Math.floor((index * SPACE) / slices)
  const prefix = (value: number): string => value.toString(16).padStart(8, '0')
  return Array.from({ length: slices }, (_, index) => ({
    low: prefix(bound(index)).padEnd(DIGEST_HEX, '0'),
    high: prefix(bound(index + 1) - 1).padEnd(DIGEST_HEX, 'f'),
  }))
}

/** SQL that is true for digests in the slice whose ends are the parameters `low` and `high`. */
export const IN_SLICE = `digest BETWEEN toFixedString(unhex({low:String}), 32) AND toFixedString(unhex({high:String}), 32)`
