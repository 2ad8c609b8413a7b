import { type Rational, rational } from '@vouch/proto/kernel/rational.ts'

/** Values of slots; undefined: the slot is missing. */
interface Slots {
  readonly values: readonly (Rational | undefined)[]
}

/** The sum of all series in each slot; undefined where one of them misses the slot or has ended. A fraction is reduced once for each slot. */
export function sumSlots(series: readonly Slots[]): (Rational | undefined)[] {
  const length = series.reduce((longest, { values }) => Math.max(longest, values.length), 0)
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
