import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Table } from '../ports.ts'
import type { ChargeStep } from './charge-steps.ts'
import { dimensionsText } from './dimensions.ts'
import type { Dimensions } from './dimensions.ts'
import { periodOf } from './invoice.ts'

/** Columns of charges. */
export const CHARGE_COLUMNS = {
  State: 'text',
  InvoiceNumber: 'text',
  Kind: 'text',
  Rule: 'text',
  Item: 'text',
  Pool: 'text',
  Description: 'text',
  Resource: 'text',
  Dimensions: 'text',
  Meter: 'text',
  From: 'instant',
  To: 'instant',
  Quantity: 'decimal',
  Unit: 'text',
  UnitPrice: 'decimal',
  Amount: 'decimal',
  Currency: 'text',
  CoveredMs: 'decimal',
  SpreadMs: 'decimal',
  MissingMs: 'decimal',
  EstimatedMs: 'decimal',
} as const satisfies Table['columns']

/** A row of them; what a charge does not have is null. */
export type ChargeRow = Record<keyof typeof CHARGE_COLUMNS, string | null>

/** Where a charge stands: on an issued invoice, for a period that is over, or for one that still runs. */
export type ChargeState =
  | { readonly state: 'issued'; readonly number: string }
  | { readonly state: 'open' | 'running'; readonly number?: undefined }

/** A charge as a row. */
export function chargeRow(charge: Charge, { state, number }: ChargeState, dimensions: Dimensions): ChargeRow {
  const { from, to } = periodOf(charge.period)
  const { coverage, unitPrice } = charge
  const texts = {
    State: state,
    InvoiceNumber: number ?? '',
    Kind: charge.kind,
    Rule: charge.ruleId,
    Item: charge.itemId,
    Pool: charge.pool,
    Description: charge.description,
    Resource: charge.resource,
    Dimensions: Object.keys(dimensions).length === 0 ? '' : dimensionsText(dimensions),
    Meter: charge.meter,
    From: formatInstant(from),
    To: formatInstant(to),
    Quantity: charge.quantity,
    Unit: charge.unit,
    // A fraction is no decimal; quantity and amount say the same.
    UnitPrice: unitPrice.includes('/') ? '' : unitPrice,
    Amount: charge.amount,
    Currency: charge.currency,
    CoveredMs: `${coverage?.coveredMs ?? 0n}`,
    SpreadMs: `${coverage?.spreadMs ?? 0n}`,
    MissingMs: `${coverage?.missingMs ?? 0n}`,
    EstimatedMs: `${coverage?.estimatedMs ?? 0n}`,
  }
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, text === '' ? null : text]),
  ) as ChargeRow
}

/** What of a charge falls to a step, as a row; what is known of the whole charge alone is null. */
export function stepRow(row: ChargeRow, { period: { from, to }, quantity, amount }: ChargeStep): ChargeRow {
  return {
    ...row,
    From: formatInstant(from),
    To: formatInstant(to),
    Quantity: quantity === '' ? null : quantity,
    Amount: amount,
    CoveredMs: null,
    SpreadMs: null,
    MissingMs: null,
    EstimatedMs: null,
  }
}
