import type { Moment } from './moment.ts'

/** A register as last read: enough to go on from, in memory or after a restart. Every look changes it where it stands. */
export interface Register {
  /** Identity of the register's life, 64 bits of a hash; another life is another epoch. */
  life: bigint
  /** Name of the epoch: wall milliseconds of its opening, above every epoch before; 0 = it was not read yet. */
  epoch: number
  /** Label of the last reading, epoch milliseconds. */
  timeMs: number
  /** Boot-time milliseconds of the last reading. */
  boottimeMs: number
  /** The register, 0 to 2^64 − 1. */
  register: bigint
  /** Integrals: level × milliseconds that do not make a whole unit yet. */
  remainder: bigint
  /** Integrals: the level since the last reading. */
  level: bigint
  /** Monotonic milliseconds of the last reading; means nothing after a restart. */
  monotonicMs: number
  /** The look that read it; 0 = a run before this one. */
  look: number
}

/** A reading on its way into a batch. */
export interface Reading {
  readonly epoch: number
  /** Epoch milliseconds. */
  readonly timeMs: number
  readonly register: bigint
  /** Milliseconds directly before it that were sampled at cadence; 0 at an opening or after a gap. */
  readonly spanMs: number
}

/** Takes a reading; a look makes one of a register, or two where an epoch reopens. */
export type TakeReading = (
  epoch: Reading['epoch'],
  timeMs: Reading['timeMs'],
  register: Reading['register'],
  spanMs: Reading['spanMs'],
) => void

/** The largest register. */
export const REGISTER_MAX = 2n ** 64n - 1n

/**
 * Reads a counter. The epoch goes on, across restarts of the agent too, while the life is the same
 * and the counter has not fallen; anything else opens an epoch whose first reading is a baseline:
 * a fallen counter is a reset and never a wrap, and what it counted before the look is unknown.
 */
export function readCounter(
  of: Register,
  value: bigint,
  life: bigint,
  moment: Moment,
  take: TakeReading,
): void {
  const register = checked(value)
  const continues = of.epoch !== 0 && of.life === life && register >= of.register
  if (continues) proceed(of, register, moment, take)
  else open(of, register, moment, take)
  of.life = life
  of.remainder = 0n
  of.level = 0n
}

/**
 * Integrates a gauge by the step rule: the level seen at a look holds until the next look, over the
 * monotonic clock. `life` is the agent's run: every run opens an epoch at register 0, as does a
 * gauge that was absent at the look before, for what it held meanwhile is unknown. The remainder
 * below one unit goes with it. `divisor` is the level × milliseconds that make one unit.
 */
export function readIntegral(
  of: Register,
  level: bigint,
  divisor: bigint,
  life: bigint,
  moment: Moment,
  take: TakeReading,
): void {
  const seenBefore = of.epoch !== 0 && of.life === life && of.look === moment.previous
  if (seenBefore) {
    const sum = of.remainder + of.level * BigInt(moment.monotonicMs - of.monotonicMs)
    proceed(of, checked(of.register + sum / divisor), moment, take)
    of.remainder = sum % divisor
  } else open(of, 0n, moment, take)
  of.life = life
  of.level = level
}

function open(of: Register, register: bigint, moment: Moment, take: TakeReading): void {
  const epoch = epochName(moment.timeMs, of)
  take(epoch, moment.timeMs, register, 0)
  settle(of, epoch, register, moment)
}

/**
 * Goes on from the last reading. Where the timeline went back past it (the wall clock was set back),
 * a new epoch opens with the register as last read, placed by the time that really passed since: no
 * quantity is lost and no epoch runs backwards.
 */
function proceed(of: Register, register: bigint, moment: Moment, take: TakeReading): void {
  let [epoch, sinceMs] = [of.epoch, of.timeMs]
  if (moment.timeMs <= sinceMs) {
    sinceMs = moment.timeMs - Math.max(1, moment.boottimeMs - of.boottimeMs)
    epoch = epochName(sinceMs, of)
    take(epoch, sinceMs, of.register, 0)
  }
  const isAttached = moment.continuous && of.look === moment.previous
  const elapsedMs = Math.min(moment.timeMs - sinceMs, moment.monotonicMs - of.monotonicMs)
  take(epoch, moment.timeMs, register, isAttached ? elapsedMs : 0)
  settle(of, epoch, register, moment)
}

/** Above every epoch before, of which there is none where it was not read yet. */
function epochName(openedMs: number, { epoch }: Register): number {
  return Math.max(openedMs, epoch + 1)
}

function settle(of: Register, epoch: number, register: bigint, moment: Moment): void {
  of.epoch = epoch
  of.register = register
  of.timeMs = moment.timeMs
  of.monotonicMs = moment.monotonicMs
  of.boottimeMs = moment.boottimeMs
  of.look = moment.look
}

function checked(value: bigint): bigint {
  if (value < 0n || value > REGISTER_MAX)
    throw new RangeError(`${value} does not fit an unsigned 64-bit register`)
  return value
}
