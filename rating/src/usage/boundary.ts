import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'

/** A reading, and where to find it signed. */
export interface Reading {
  /** Digest of the batch that holds it, 32 bytes. */
  readonly batchDigest: Uint8Array
  /** Its place in the batch, from 0 over all segments. */
  readonly row: number
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** The register, in the unit of the meter. */
  readonly register: bigint
}

/** The register at an instant, and the readings it follows from. */
export interface Boundary {
  readonly atMs: number
  readonly register: bigint
  /** Last reading at or before the instant. */
  readonly before: Reading
  /** First reading after it; absent where `before` lies exactly at the instant. */
  readonly after?: Reading
}

/**
 * The register at an instant: `before` itself where it lies there, otherwise the step to `after`
 * split by time, rounded down. A function of the instant alone, so neighbouring periods add up.
 * Throws where the readings do not surround the instant. Fault, thrown: USAGE_CONFLICT where the register falls between them.
 */
export function registerAt(
  atMs: number,
  before: Pick<Reading, 'timeMs' | 'register'>,
  after: Pick<Reading, 'timeMs' | 'register'> | undefined,
): bigint {
  if (before.timeMs === atMs) return before.register
  if (after === undefined || before.timeMs > atMs || after.timeMs <= atMs)
    throw new Error(`readings do not surround ${atMs}`)
  if (after.register < before.register) throwFall(before, after)
  const step = after.register - before.register
  return before.register + (step * BigInt(atMs - before.timeMs)) / BigInt(after.timeMs - before.timeMs)
}

/** Throws the fault USAGE_CONFLICT of a register that falls from one time of an epoch to a later one. */
export function throwFall(
  before: Pick<Reading, 'timeMs' | 'register'>,
  after: Pick<Reading, 'timeMs' | 'register'>,
): never {
  const [from, to] = [formatInstant(before.timeMs), formatInstant(after.timeMs)]
  throwFault(
    'USAGE_CONFLICT',
    `a register falls from ${before.register} at ${from} to ${after.register} at ${to}, in one epoch`,
  )
}

/** The boundary at an instant; a reading exactly there needs no second one. */
export function boundaryAt(atMs: number, before: Reading, after: Reading | undefined): Boundary {
  const register = registerAt(atMs, before, after)
  return before.timeMs === atMs || after === undefined
    ? { atMs, register, before }
    : { atMs, register, before, after }
}
