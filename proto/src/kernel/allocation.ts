import { halfUp } from './rounding.ts'

/**
 * Splits a total by weights with the largest-remainder method: every share is within one unit of the
 * ideal, ties go to the lower index, and the shares sum to the total. A negative total mirrors the
 * positive one. Throws when a weight is negative or none is positive.
 */
export function allocate(total: bigint, weights: readonly bigint[]): bigint[] {
  const whole = sumOfWeights(weights)
  if (total < 0n) return allocate(-total, weights).map((share) => -share)
  const shares = weights.map((weight) => (total * weight) / whole)
  const missing = total - shares.reduce((sum, share) => sum + share, 0n)
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (total * weight) % whole }))
    .toSorted((a, b) => descending(a.remainder, b.remainder) || a.index - b.index)
  let rank = 0n
  for (const { index } of byRemainder) {
    if (rank === missing) break
    shares[index] = (shares[index] ?? 0n) + 1n
    rank += 1n
  }
  return shares
}

/**
 * Splits a total by weights so that every running sum is the rounded ideal: 33.33, 33.34, 33.33.
 * A share depends only on the weights up to its own and their sum, so parts of a period can be
 * charged one by one. Throws when a weight is negative or none is positive.
 */
export function allocateCumulative(total: bigint, weights: readonly bigint[]): bigint[] {
  const whole = sumOfWeights(weights)
  let [weightSoFar, allocated] = [0n, 0n]
  return weights.map((weight) => {
    weightSoFar += weight
    const share = halfUp(total * weightSoFar, whole) - allocated
    allocated += share
    return share
  })
}

function sumOfWeights(weights: readonly bigint[]): bigint {
  let sum = 0n
  for (const weight of weights) {
    if (weight < 0n) throw new RangeError('a weight cannot be negative')
    sum += weight
  }
  if (sum === 0n) throw new RangeError('at least one weight must be positive')
  return sum
}

function descending(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a > b ? -1 : 1
}
