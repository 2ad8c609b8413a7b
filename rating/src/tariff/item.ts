import { formatDecimal, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Result, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { type Rational, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS, type RoundingName } from '@vouch/proto/kernel/rounding.ts'
import { type UnitId, conversion } from '@vouch/proto/kernel/unit.ts'
import { type TraceStep, exactText } from './trace.ts'

/** A meter sold in a billable unit. */
export interface Item {
  readonly itemId: string
  readonly meter: string
  /** Billable unit. */
  readonly unit: UnitId
  readonly quantityRounding: RoundingName
  /** Decimals kept of the billable quantity. */
  readonly quantityScale: number
}

/** A quantity as it is billed. */
export interface BillableQuantity {
  readonly value: Rational
  /** Decimal text with all decimals that the item keeps. */
  readonly text: string
  readonly trace: readonly TraceStep[]
}

/**
 * Base quantity to billable quantity: exact conversion, then the item's rounding.
 * Faults: UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function billableQuantity(item: Item, base: bigint, baseUnit: string): Result<BillableQuantity> {
  const factor = conversion(baseUnit, item.unit)
  if (!factor.ok) return factor
  const converted = multiply(rational(base), factor.value)
  const text = formatDecimal(converted, item.quantityScale, ROUNDINGS[item.quantityRounding])
  const exact = exactText(converted)
  const trace: TraceStep[] = [
    { rule: `${baseUnit} to ${item.unit}`, input: `${base} × ${exactText(factor.value)}`, output: exact },
    { rule: `quantity ${item.quantityRounding} ${item.quantityScale}`, input: exact, output: text },
  ]
  return ok({ value: unwrap(parseDecimal(text)), text, trace })
}
