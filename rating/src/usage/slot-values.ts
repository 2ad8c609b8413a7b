import { type Rational, rational } from '@vouch/proto/kernel/rational.ts'

/** Values of slots as whole multiples of one step: millions of them, of which none is reduced as a fraction. */
export interface SlotValues {
  /** One for each slot; undefined: the slot is missing. */
  readonly values: readonly (bigint | undefined)[]
  /** What a value of 1 stands for. */
  readonly step: Rational
}

/** Fractions as whole multiples of a step, which is one over a denominator that they share. */
export function inSteps(fractions: readonly (Rational | undefined)[]): SlotValues {
  const d = sharedDenominator(fractions.filter((value) => value !== undefined))
  return { values: fractions.map((value) => value && value.n * (d / value.d)), step: rational(1n, d) }
}

/** The least denominator in which all of them are whole. */
export function sharedDenominator(fractions: Iterable<Rational>): bigint {
  let shared = 1n
  // By what of each denominator is not in it yet.
  for (const { d } of fractions) shared *= rational(shared, d).d
  return shared
}

/** The sum of all series in each slot; undefined where one of them misses the slot or has ended. */
export function sumSlots(series: readonly SlotValues[]): (Rational | undefined)[] {
  const length = series.reduce((longest, { values }) => Math.max(longest, values.length), 0)
  const shared = sharedDenominator(series.map(({ step }) => step))
  const sums = Array.from({ length }, (): bigint | undefined => 0n)
  for (const [step, own] of Map.groupBy(series, (each) => (each.step.n * shared) / each.step.d)) {
    for (const [slot, sum] of plainSums(own, length).entries()) {
      const others = sums[slot]
      sums[slot] = sum === undefined || others === undefined ? undefined : others + sum * step
    }
  }
  return sums.map((sum) => (sum === undefined ? undefined : rational(sum, shared)))
}

function plainSums(series: readonly SlotValues[], length: number): (bigint | undefined)[] {
  const sums = Array.from({ length }, (): bigint | undefined => 0n)
  for (const { values } of series) {
    for (let slot = 0; slot < length; slot += 1) {
      const [sum, value] = [sums[slot], values[slot]]
      sums[slot] = sum === undefined || value === undefined ? undefined : sum + value
    }
  }
  return sums
}
