import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** Rounds the fraction n/d, d > 0, to a whole number. Throws when d is not positive. */
export type Rounding = (n: bigint, d: bigint) => bigint

/** The greatest whole number not above n/d. */
export const floor: Rounding = (n, d) => {
  if (d <= 0n) throw new RangeError('rounding needs a positive denominator')
  const quotient = n / d
  return n % d < 0n ? quotient - 1n : quotient
}

/** The least whole number not below n/d. */
export const ceiling: Rounding = (n, d) => -floor(-n, d)

/** Toward zero. */
export const down: Rounding = (n, d) => (n < 0n ? ceiling(n, d) : floor(n, d))

/** Away from zero. */
export const up: Rounding = (n, d) => (n < 0n ? floor(n, d) : ceiling(n, d))

/** To the nearest; a half goes away from zero. */
export const halfUp: Rounding = (n, d) => nearest(n, d, up)

/** To the nearest; a half goes toward zero. */
export const halfDown: Rounding = (n, d) => nearest(n, d, down)

/** To the nearest; a half goes to the even neighbour, so that many halves do not add up to a bias. */
export const halfEven: Rounding = (n, d) => nearest(n, d, evenNeighbour)

/** Every rounding mode under its name in contracts, tariffs and configuration. */
export const ROUNDINGS = {
  'half-even': halfEven,
  'half-up': halfUp,
  'half-down': halfDown,
  floor,
  ceiling,
  down,
  up,
} as const satisfies Record<string, Rounding>

/** The name of a rounding mode. */
export type RoundingName = keyof typeof ROUNDINGS

/** Finds a rounding mode. Faults: ROUNDING_UNKNOWN. */
export function roundingByName(name: string): Result<Rounding> {
  const parsed = parseRoundingName(name)
  return parsed.ok ? ok(ROUNDINGS[parsed.value]) : parsed
}

/** Reads the name of a rounding mode. Faults: ROUNDING_UNKNOWN. */
export function parseRoundingName(name: string): Result<RoundingName> {
  if (isRoundingName(name)) return ok(name)
  return fail('ROUNDING_UNKNOWN', `the rounding must be one of ${Object.keys(ROUNDINGS).join(', ')}`)
}

function isRoundingName(name: string): name is RoundingName {
  return Object.hasOwn(ROUNDINGS, name)
}

function nearest(n: bigint, d: bigint, onHalf: Rounding): bigint {
  const below = floor(n, d)
  const twiceRest = 2n * (n - below * d)
  if (twiceRest === d) return onHalf(n, d)
  return twiceRest < d ? below : below + 1n
}

function evenNeighbour(n: bigint, d: bigint): bigint {
  const below = floor(n, d)
  return below % 2n === 0n ? below : below + 1n
}
