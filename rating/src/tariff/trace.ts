import { formatExact } from '@vouch/proto/kernel/decimal.ts'
import { type Rational, formatFraction } from '@vouch/proto/kernel/rational.ts'

/** One step of a calculation, for people and for checking. */
export interface TraceStep {
  /** Name of the rule or policy. */
  readonly rule: string
  /** What went in, exact. */
  readonly input: string
  /** What came out, exact. */
  readonly output: string
}

/** An exact number as text: a decimal where it ends, a fraction where it does not. */
export function exactText(value: Rational): string {
  return formatExact(value) ?? formatFraction(value)
}
