import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatDecimal, formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, majorAmount } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { absolute, isZero, multiply, negate, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { UNITS, parseUnit } from '@vouch/proto/kernel/unit.ts'
import type { CostCentrePart } from '../attribution/division.ts'
import { commonDimensions, dimensionsText } from '../invoice/dimensions.ts'
import { divideQuantity } from '../invoice/divide-quantity.ts'
import { exactOf, exactText } from '../invoice/exact.ts'
import { measurementsOf, periodOf } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine } from '../invoice/invoice.ts'
import type { FocusRow } from './columns.ts'

const SCALE = 12

/** What kind of charge a line is, in the words of FOCUS. */
const CATEGORIES: Readonly<Record<string, string>> = {
  usage: 'Usage',
  'late-usage': 'Usage',
  estimate: 'Usage',
  fee: 'Purchase',
  termination: 'Purchase',
  discount: 'Credit',
  credit: 'Credit',
  'sla-credit': 'Credit',
}

/** The service that a meter belongs to, by how its name begins. */
const SERVICES: readonly (readonly [string, string, string])[] = [
  ['host.network.', 'Networking', 'Network traffic'],
  ['host.disk.', 'Storage', 'Disks'],
  ['host.', 'Compute', 'Hosts'],
  ['container.', 'Compute', 'Containers'],
  ['network.', 'Networking', 'Network traffic'],
  ['storage.', 'Storage', 'Storage'],
  ['energy.', 'Other', 'Energy'],
]

/**
 * A row for each line of an issued invoice, and where a line divides over cost centres, for each of them. Their billed costs sum to the invoice's
 * total, their quantities to those of the lines.
 */
export function focusRows(invoice: Invoice): FocusRow[] {
  return invoice.lines.flatMap((line) => {
    const quantities = quantitiesOf(line)
    return line.costCentres.length === 0
      ? [focusRow(line, invoice, null)]
      : line.costCentres.map((part, index) =>
          focusRow(partOf(line, part, quantities[index]!), invoice, part.costCentre ?? null),
        )
  })
}

/** What a cost centre bears of a line, as if it were a line. */
function partOf(line: InvoiceLine, { amount, share }: CostCentrePart, quantity: string): InvoiceLine {
  const exact = share === undefined ? majorAmount(amount) : multiply(exactAmount(line.charge), share)
  const charge = { ...line.charge, quantity, exact: exactText(exact), amount: formatAmount(amount) }
  return { ...line, amount, charge }
}

/** A line's quantity by cost centre: by its shares, of a correction by its amounts whatever their sign. */
function quantitiesOf({ charge: { quantity }, costCentres }: InvoiceLine): string[] {
  const weights = costCentres.map(({ share, amount }) => share ?? absolute(majorAmount(amount)))
  if (quantity === '' || weights.every(isZero)) return costCentres.map(() => quantity)
  return divideQuantity(quantity, weights)
}

function focusRow(
  { charge, amount, statement, lineNumber }: InvoiceLine,
  invoice: Invoice,
  costCentre: string | null,
): FocusRow {
  const { tariff, tariffVersion, snapshot } = invoice.statements[statement] ?? {}
  const corrects = snapshot?.corrects ?? ''
  const category = CATEGORIES[charge.kind] ?? 'Adjustment'
  const measured = measurementsOf(charge, snapshot)
  const { from, to } = periodOf(charge.period)
  const isPriced = (category === 'Usage' || category === 'Purchase') && corrects === ''
  const pricing = isPriced ? pricingOf(charge) : undefined
  // What has no unit price costs what it is billed at.
  const cost = pricing?.cost ?? formatAmount(amount)
  const region = common(measured.map(({ dimensions }) => dimensions['region']))
  const isUsage = category === 'Usage' && charge.quantity !== ''
  return {
    BilledCost: formatAmount(amount),
    BillingAccountId: invoice.buyer.id,
    BillingAccountName: invoice.buyer.name,
    BillingAccountType: 'Account',
    BillingCurrency: invoice.currency,
    BillingPeriodEnd: formatInstant(invoice.period.to),
    BillingPeriodStart: formatInstant(invoice.period.from),
    ChargeCategory: category,
    ChargeClass: corrects === '' ? null : 'Correction',
    ChargeDescription: charge.description,
    ChargeFrequency: frequencyOf(category, charge.kind),
    ChargePeriodEnd: formatInstant(to),
    ChargePeriodStart: formatInstant(from),
    ConsumedQuantity: isUsage ? charge.quantity : null,
    ConsumedUnit: isUsage ? unitLabel(charge.unit) : null,
    ContractedCost: cost,
    ContractedUnitPrice: pricing?.unitPrice ?? null,
    EffectiveCost: formatAmount(amount),
    InvoiceId: invoice.issue?.number ?? null,
    InvoiceIssuerName: invoice.seller.name,
    ListCost: cost,
    ListUnitPrice: pricing?.unitPrice ?? null,
    PricingCategory: isPriced ? 'Standard' : null,
    PricingQuantity: pricing?.quantity ?? null,
    PricingUnit: pricing?.unit ?? null,
    ProviderName: invoice.seller.name,
    PublisherName: invoice.seller.name,
    RegionId: region,
    RegionName: region,
    ResourceId: charge.resource === '' ? null : charge.resource,
    ResourceName: charge.resource === '' ? null : charge.resource,
    ResourceType: resourceType(charge.resource),
    ...serviceOf(measured.length > 0 ? measured.map(({ meter }) => meter) : [charge.meter]),
    SkuId: isPriced ? charge.itemId : null,
    SkuMeter: isPriced && charge.meter !== '' ? charge.meter : null,
    SkuPriceId: isPriced ? `${tariff}/${tariffVersion}/${charge.ruleId}` : null,
    SubAccountId: null,
    SubAccountName: null,
    SubAccountType: null,
    Tags: measured.length === 0 ? null : dimensionsText(commonDimensions(measured)),
    x_CorrectsInvoiceId: corrects === '' ? null : corrects,
    x_CostCentre: costCentre,
    x_InvoiceLineNumber: `${lineNumber}`,
  }
}

/**
 * Quantity × unit price = cost, exactly, in decimals of twelve places. Where no price holds for every unit, as with tiers, or the product has
 * more places, what is priced is the line as one, or as one less where it is a reduction: no price is negative. What was consumed stands beside it.
 */
function pricingOf(charge: Charge) {
  const { quantity, unit, unitPrice } = charge
  if (unitPrice !== '' && quantity !== '') {
    const product = multiply(unwrap(parseDecimal(quantity)), unwrap(parseDecimal(unitPrice)))
    const cost = formatExact(product)
    if (cost !== undefined && isShort(cost)) return { quantity, unit: unitLabel(unit), unitPrice, cost }
  }
  const cost = exactAmount(charge)
  const isReduction = sign(cost) < 0
  const one = { quantity: isReduction ? '-1' : '1', unit: UNITS['1'].label }
  return { ...one, unitPrice: decimal(isReduction ? negate(cost) : cost), cost: decimal(cost) }
}

/** The amount before it was rounded; lines that do not say it were rounded by themselves. */
function exactAmount({ exact, amount }: Pick<Charge, 'exact' | 'amount'>): Rational {
  return exactOf(exact === '' ? amount : exact)
}

function decimal(value: Rational): string {
  const exact = formatExact(value)
  return exact !== undefined && isShort(exact) ? exact : formatDecimal(value, SCALE, ROUNDINGS['half-even'])
}

function isShort(text: string): boolean {
  return (text.split('.')[1] ?? '').length <= SCALE
}

function frequencyOf(category: string, kind: string): string {
  if (category === 'Usage') return 'Usage-Based'
  return kind === 'fee' ? 'Recurring' : 'One-Time'
}

function unitLabel(unit: string): string {
  const parsed = parseUnit(unit === '' ? '1' : unit)
  return parsed.ok ? UNITS[parsed.value].label : unit
}

/** `host:a/disk:b` is a disk. */
function resourceType(resource: string): string | null {
  const [type = '', name] = (resource.split('/').at(-1) ?? '').split(':')
  return name === undefined ? null : type
}

function serviceOf(meters: readonly string[]): Pick<FocusRow, 'ServiceCategory' | 'ServiceName'> {
  const found = meters.map((meter) => SERVICES.find(([prefix]) => meter.startsWith(prefix)))
  const [first] = found
  const isOne = first !== undefined && found.every((each) => each === first)
  return isOne
    ? { ServiceCategory: first[1], ServiceName: first[2] }
    : { ServiceCategory: 'Other', ServiceName: 'Infrastructure' }
}

function common(values: readonly (string | undefined)[]): string | null {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : null
}
