import { type Rational, rational } from '@vouch/proto/kernel/rational.ts'

/** Values of slots; undefined: the slot is missing. */
interface Slots {
  readonly values: readonly (Rational | undefined)[]
}

/**
 * The sum of all series in each slot; undefined where one of them misses the slot or has ended. Where all values have a common denominator that
 * is a safe integer, numerators are added as such.
 */
export function sumSlots(series: readonly Slots[]): (Rational | undefined)[] {
  const length = series.reduce((longest, { values }) => Math.max(longest, values.length), 0)
  const common = commonDenominator(series)
  return common === undefined ? sumOfAny(series, length) : sumOver(common, series, length)
}

/** The least common denominator of all values; undefined where it is no safe integer. */
function commonDenominator(series: readonly Slots[]): number | undefined {
  let common = 1
  for (const { values } of series)
    for (const value of values) {
      if (value === undefined) continue
      const own = Number(value.d)
      if (common % own === 0) continue
      // Its numerator in lowest terms is what the other one lacks; this happens some fifty times at most, as it at least doubles.
      const next = Number(BigInt(common) * rational(value.d, BigInt(common)).n)
      if (!Number.isSafeInteger(next)) return undefined
      common = next
    }
  return common
}

/** The sums over a denominator that all values divide: in safe integers, from which what would not be one is carried. */
function sumOver(common: number, series: readonly Slots[], length: number): (Rational | undefined)[] {
  const sums = new Float64Array(length)
  const carried = new Map<number, bigint>()
  const isMissing = new Uint8Array(length)
  for (const { values } of series) {
    for (let slot = 0; slot < length; slot += 1) {
      const value = values[slot]
      if (value === undefined) {
        isMissing[slot] = 1
        continue
      }
      const scale = common / Number(value.d)
      const n = Number(value.n) * scale
      const sum = sums[slot]! + n
      // The sum of safe integers is exact where it is one.
      if (Number.isSafeInteger(n) && Number.isSafeInteger(sum)) sums[slot] = sum
      else carried.set(slot, (carried.get(slot) ?? 0n) + value.n * BigInt(scale))
    }
  }
  return Array.from(sums, (sum, slot) =>
    isMissing[slot] === 1 ? undefined : rational(BigInt(sum) + (carried.get(slot) ?? 0n), BigInt(common)),
  )
}

/** The sums in fractions, each reduced once and not for each addition. */
function sumOfAny(series: readonly Slots[], length: number): (Rational | undefined)[] {
  const sums = Array.from({ length }, (): { n: bigint; d: bigint } | undefined => ({ n: 0n, d: 1n }))
  for (const { values } of series) {
    for (let slot = 0; slot < length; slot += 1) {
      const sum = sums[slot]
      const value = values[slot]
      if (sum === undefined) continue
      if (value === undefined) sums[slot] = undefined
      else if (value.d === sum.d) sum.n += value.n
      else if (sum.d % value.d === 0n) sum.n += value.n * (sum.d / value.d)
      else {
        sum.n = sum.n * value.d + value.n * sum.d
        sum.d *= value.d
      }
    }
  }
  return sums.map((sum) => sum && rational(sum.n, sum.d))
}
