/** A row as somebody reads it who knows the specification only. */
type Row = Readonly<Record<string, string | null>>

const CATEGORIES = new Set(['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'])
const SERVICE_CATEGORIES = new Set([
  'AI and Machine Learning',
  'Analytics',
  'Business Applications',
  'Compute',
  'Databases',
  'Developer Tools',
  'Multicloud',
  'Identity',
  'Integration',
  'Internet of Things',
  'Management and Governance',
  'Media',
  'Migration',
  'Mobile',
  'Networking',
  'Security',
  'Storage',
  'Web',
  'Other',
])
/** Columns that every dataset has and in which null is not allowed. */
const NEVER_NULL = [
  'BilledCost',
  'BillingAccountId',
  'BillingCurrency',
  'BillingPeriodEnd',
  'BillingPeriodStart',
  'ChargeCategory',
  'ChargePeriodEnd',
  'ChargePeriodStart',
  'ContractedCost',
  'EffectiveCost',
  'InvoiceIssuerName',
  'ListCost',
  'ProviderName',
  'PublisherName',
  'ServiceCategory',
  'ServiceName',
]
/** Columns that every dataset has, where null may stand. */
const MANDATORY = ['BillingAccountName', 'ChargeClass', 'ChargeDescription', 'PricingQuantity', 'PricingUnit']
const DECIMALS =
  /^(?:BilledCost|ContractedCost|EffectiveCost|ListCost|ListUnitPrice|ContractedUnitPrice|PricingQuantity|ConsumedQuantity)$/
const INSTANTS = /^(?:Billing|Charge)Period(?:Start|End)$/

/** A requirement: when it applies, and what must then hold. */
interface Requirement {
  readonly name: string
  readonly when: (row: Row) => boolean
  readonly holds: (row: Row) => boolean
}

const isPriced = (row: Row): boolean =>
  ['Usage', 'Purchase'].includes(row['ChargeCategory'] ?? '') && row['ChargeClass'] === null
const always = (): boolean => true

/** Requirements of FOCUS 1.2 on single rows, each by the column that states it. */
const REQUIREMENTS: readonly Requirement[] = [
  ...NEVER_NULL.map((column) => ({
    name: `${column} must not be null`,
    when: always,
    holds: (row: Row) => row[column] !== null && row[column] !== '',
  })),
  ...[...NEVER_NULL, ...MANDATORY].map((column) => ({
    name: `${column} must be present`,
    when: always,
    holds: (row: Row) => row[column] !== undefined,
  })),
  {
    name: 'ChargeCategory is one of the allowed values',
    when: always,
    holds: (row) => CATEGORIES.has(row['ChargeCategory'] ?? ''),
  },
  {
    name: 'ServiceCategory is one of the allowed values',
    when: always,
    holds: (row) => SERVICE_CATEGORIES.has(row['ServiceCategory'] ?? ''),
  },
  {
    name: 'ChargeClass is Correction, or null',
    when: always,
    holds: (row) => row['ChargeClass'] === null || row['ChargeClass'] === 'Correction',
  },
  {
    name: 'ChargeFrequency is one of the allowed values',
    when: (row) => row['ChargeFrequency'] !== null,
    holds: (row) => ['One-Time', 'Recurring', 'Usage-Based'].includes(row['ChargeFrequency'] ?? ''),
  },
  {
    name: 'ChargeFrequency of a Purchase is not Usage-Based',
    when: (row) => row['ChargeCategory'] === 'Purchase',
    holds: (row) => row['ChargeFrequency'] !== 'Usage-Based',
  },
  {
    name: 'BillingCurrency is a code of ISO 4217',
    when: always,
    holds: (row) => /^[A-Z]{3}$/.test(row['BillingCurrency'] ?? ''),
  },
  {
    name: 'periods end after they start',
    when: always,
    holds: (row) =>
      Date.parse(row['ChargePeriodStart']!) < Date.parse(row['ChargePeriodEnd']!) &&
      Date.parse(row['BillingPeriodStart']!) < Date.parse(row['BillingPeriodEnd']!),
  },
  ...[
    'PricingQuantity',
    'PricingUnit',
    'ContractedUnitPrice',
    'ListUnitPrice',
    'PricingCategory',
    'SkuId',
    'SkuPriceId',
  ].map((column) => ({
    name: `${column} of usage and purchases, unless they correct, must not be null`,
    when: isPriced,
    holds: (row: Row) => row[column] !== null && row[column] !== undefined,
  })),
  {
    name: 'a quantity has its unit, and a unit its quantity',
    when: always,
    holds: (row) =>
      (row['PricingQuantity'] === null) === (row['PricingUnit'] === null) &&
      (row['ConsumedQuantity'] === null) === (row['ConsumedUnit'] === null),
  },
  {
    name: 'ConsumedQuantity is null unless the charge is Usage',
    when: (row) => row['ChargeCategory'] !== 'Usage',
    holds: (row) => row['ConsumedQuantity'] === null && row['ConsumedUnit'] === null,
  },
  {
    name: 'ContractedUnitPrice × PricingQuantity is ContractedCost',
    when: (row) =>
      row['ContractedUnitPrice'] !== null && row['PricingQuantity'] !== null && row['ChargeClass'] === null,
    holds: (row) =>
      scaled(row['ContractedUnitPrice']!) * scaled(row['PricingQuantity']!) ===
      scaled(row['ContractedCost']!) * UNIT,
  },
  {
    name: 'ListUnitPrice × PricingQuantity is ListCost',
    when: (row) =>
      row['ListUnitPrice'] !== null && row['PricingQuantity'] !== null && row['ChargeClass'] === null,
    holds: (row) =>
      scaled(row['ListUnitPrice']!) * scaled(row['PricingQuantity']!) === scaled(row['ListCost']!) * UNIT,
  },
  {
    name: 'ResourceName and ResourceType are null where ResourceId is',
    when: (row) => row['ResourceId'] === null,
    holds: (row) => row['ResourceName'] === null && row['ResourceType'] === null,
  },
  {
    name: 'RegionName is null where RegionId is',
    when: (row) => row['RegionId'] === null,
    holds: (row) => row['RegionName'] === null,
  },
  {
    name: 'SubAccountName is null where SubAccountId is',
    when: (row) => row['SubAccountId'] === null,
    holds: (row) => row['SubAccountName'] === null && row['SubAccountType'] === null,
  },
  {
    name: 'Tags is a JSON object of text',
    when: (row) => row['Tags'] !== null,
    holds: (row) =>
      Object.values(JSON.parse(row['Tags']!) as object).every((value) => typeof value === 'string'),
  },
  {
    name: 'columns of our own begin with x_ and a capital',
    when: always,
    holds: (row) => Object.keys(row).every((column) => /^(?:[A-Z]|x_[A-Z])[A-Za-z]*$/.test(column)),
  },
]

const UNIT = 10n ** 24n

/** A decimal as a number of 10^-24. */
function scaled(text: string): bigint {
  const [whole = '', decimals = ''] = text.replace('-', '').split('.')
  const value = BigInt(whole + decimals.padEnd(24, '0'))
  return text.startsWith('-') ? -value : value
}

/** What of the specification the rows break, each with its place. */
export function focusViolations(rows: readonly Row[]): string[] {
  return rows.flatMap((row, index) => [
    ...REQUIREMENTS.filter(({ when, holds }) => when(row) && !holds(row)).map(
      ({ name }) => `row ${index}: ${name}`,
    ),
    ...Object.entries(row).flatMap(([column, value]) => {
      if (value === null) return []
      if (DECIMALS.test(column) && !/^-?\d+(?:\.\d+)?$/.test(value))
        return [`row ${index}: ${column} is no decimal`]
      const isInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/.test(value)
      return INSTANTS.test(column) && !isInstant ? [`row ${index}: ${column} is no instant in UTC`] : []
    }),
  ])
}
