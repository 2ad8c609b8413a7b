import type { Moment } from './moment.ts'

/** A register as last read: enough to go on from, in memory or after a restart. */
export interface RegisterState {
  /** Identity of the register's life, 64 bits of a hash; another life is another epoch. */
  readonly life: bigint
  /** Name of the epoch: wall milliseconds of its opening, above every epoch before. */
  readonly epoch: number
  /** Label of the last reading, epoch milliseconds. */
  readonly timeMs: number
  /** Boot-time milliseconds of the last reading. */
  readonly boottimeMs: number
  /** The register, 0 to 2^64 − 1. */
  readonly register: bigint
  /** Integrals: level × milliseconds that do not make a whole unit yet. */
  readonly remainder: bigint
  /** Integrals: the level since the last reading. */
  readonly level: bigint
  /** Monotonic milliseconds of the last reading; means nothing after a restart. */
  readonly monotonicMs: number
  /** The look that read it; 0 = a run before this one. */
  readonly look: number
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

/** What one look made of a register: its new state, and one reading, or two where an epoch reopens. */
export interface Step {
  readonly state: RegisterState
  readonly readings: readonly Reading[]
}

/** The largest register. */
export const REGISTER_MAX = 2n ** 64n - 1n

/** A look's result for a register, before it is placed in an epoch. */
interface Look {
  readonly life: bigint
  readonly register: bigint
  readonly remainder: bigint
  readonly level: bigint
}

/**
 * Reads a counter. The epoch goes on, across restarts of the agent too, while the life is the same
 * and the counter has not fallen; anything else opens an epoch whose first reading is a baseline:
 * a fallen counter is a reset and never a wrap, and what it counted before the look is unknown.
 */
export function readCounter(
  last: RegisterState | undefined,
  value: bigint,
  life: bigint,
  moment: Moment,
): Step {
  const look = { life, register: checked(value), remainder: 0n, level: 0n }
  const continues = last !== undefined && last.life === life && value >= last.register
  return continues ? proceed(last, look, moment) : open(last, look, moment)
}

/**
 * Integrates a gauge by the step rule: the level seen at a look holds until the next look, over the
 * monotonic clock. `life` is the agent's run: every run opens an epoch at register 0, as does a
 * gauge that was absent at the look before, for what it held meanwhile is unknown. The remainder
 * below one unit goes with it. `divisor` is the level × milliseconds that make one unit.
 */
export function readIntegral(
  last: RegisterState | undefined,
  level: bigint,
  divisor: bigint,
  life: bigint,
  moment: Moment,
): Step {
  const seenBefore = last !== undefined && last.life === life && last.look === moment.previous
  if (!seenBefore) {
    return open(last, { life, register: 0n, remainder: last?.remainder ?? 0n, level }, moment)
  }
  const sum = last.remainder + last.level * BigInt(moment.monotonicMs - last.monotonicMs)
  const register = checked(last.register + sum / divisor)
  return proceed(last, { life, register, remainder: sum % divisor, level }, moment)
}

function open(last: RegisterState | undefined, look: Look, moment: Moment): Step {
  const epoch = epochName(moment.timeMs, last)
  const reading = { epoch, timeMs: moment.timeMs, register: look.register, spanMs: 0 }
  return { state: stateOf(epoch, look, moment), readings: [reading] }
}

/**
 * Goes on from the last reading. Where the timeline went back past it (the wall clock was set back),
 * a new epoch opens with the register as last read, placed by the time that really passed since: no
 * quantity is lost and no epoch runs backwards.
 */
function proceed(last: RegisterState, look: Look, moment: Moment): Step {
  const attached = moment.continuous && last.look === moment.previous
  const reading = (epoch: number, sinceMs: number): Reading => {
    const elapsedMs = Math.min(moment.timeMs - sinceMs, moment.monotonicMs - last.monotonicMs)
    return { epoch, timeMs: moment.timeMs, register: look.register, spanMs: attached ? elapsedMs : 0 }
  }
  if (moment.timeMs > last.timeMs) {
    return { state: stateOf(last.epoch, look, moment), readings: [reading(last.epoch, last.timeMs)] }
  }
  const openedMs = moment.timeMs - Math.max(1, moment.boottimeMs - last.boottimeMs)
  const epoch = epochName(openedMs, last)
  const opening = { epoch, timeMs: openedMs, register: last.register, spanMs: 0 }
  return { state: stateOf(epoch, look, moment), readings: [opening, reading(epoch, openedMs)] }
}

function epochName(openedMs: number, last: RegisterState | undefined): number {
  return last === undefined ? openedMs : Math.max(openedMs, last.epoch + 1)
}

function stateOf(epoch: number, look: Look, moment: Moment): RegisterState {
  const { timeMs, monotonicMs, boottimeMs } = moment
  return { ...look, epoch, timeMs, monotonicMs, boottimeMs, look: moment.look }
}

function checked(value: bigint): bigint {
  if (value < 0n || value > REGISTER_MAX)
    throw new RangeError(`${value} does not fit an unsigned 64-bit register`)
  return value
}
