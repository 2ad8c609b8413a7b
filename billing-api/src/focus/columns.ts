import type { Table } from '../ports.ts'

/**
 * Columns of the FinOps Open Cost and Usage Specification, FOCUS 1.2, in its order of the alphabet, as far as they apply to
 * a provider without commitments bought apart, availability zones and capacity reservations; and three of our own. Decimals
 * are text, instants are in UTC, null is a value that does not apply. Source: focus.finops.org, version 1.2, section 3.1.
 */
export const FOCUS_COLUMNS = {
  BilledCost: 'decimal',
  BillingAccountId: 'text',
  BillingAccountName: 'text',
  BillingAccountType: 'text',
  BillingCurrency: 'text',
  BillingPeriodEnd: 'instant',
  BillingPeriodStart: 'instant',
  ChargeCategory: 'text',
  ChargeClass: 'text',
  ChargeDescription: 'text',
  ChargeFrequency: 'text',
  ChargePeriodEnd: 'instant',
  ChargePeriodStart: 'instant',
  ConsumedQuantity: 'decimal',
  ConsumedUnit: 'text',
  ContractedCost: 'decimal',
  ContractedUnitPrice: 'decimal',
  EffectiveCost: 'decimal',
  InvoiceId: 'text',
  InvoiceIssuerName: 'text',
  ListCost: 'decimal',
  ListUnitPrice: 'decimal',
  PricingCategory: 'text',
  PricingQuantity: 'decimal',
  PricingUnit: 'text',
  ProviderName: 'text',
  PublisherName: 'text',
  RegionId: 'text',
  RegionName: 'text',
  ResourceId: 'text',
  ResourceName: 'text',
  ResourceType: 'text',
  ServiceCategory: 'text',
  ServiceName: 'text',
  SkuId: 'text',
  SkuMeter: 'text',
  SkuPriceId: 'text',
  SubAccountId: 'text',
  SubAccountName: 'text',
  SubAccountType: 'text',
  Tags: 'json',
  /** The invoice that a correction corrects. */
  x_CorrectsInvoiceId: 'text',
  /** The part of the account's own books that bears the row; null = the account as such. */
  x_CostCentre: 'text',
  /** Place of the line on its invoice. */
  x_InvoiceLineNumber: 'text',
} as const satisfies Table['columns']

/** One row. */
export type FocusRow = Readonly<Record<keyof typeof FOCUS_COLUMNS, string | null>>
