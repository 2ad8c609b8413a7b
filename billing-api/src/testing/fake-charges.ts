import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import {
  Grain,
  type LineUsageSchema,
  RateRequestSchema,
  RateResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type {
  GetSeriesRequest,
  MeasureRequest,
  RateRequest,
  RateResponse,
  SeriesRowSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { ChargeSchema, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Charge, Measurement, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { cutBySteps } from '@vouch/proto/kernel/calendar-steps.ts'
import type { Step } from '@vouch/proto/kernel/calendar-steps.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { formatDecimal, formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import {
  formatAmount,
  parseAmount,
  roundToMoney,
  subtractMoney,
  sumMoney,
} from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { formatFraction, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { roundingByName } from '@vouch/proto/kernel/rounding.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import { unitOf } from './test-agent.ts'
import type { TestAgent } from './test-agent.ts'

/** The answer's members. */
type Rated = Extract<MessageInitShape<typeof RateResponseSchema>, { $typeName?: never }>

/** A snapshot of one measurement for each item and resource. */
export function snapshotOf(
  agent: TestAgent,
  { period, inForce, timeZone, tariff, assignments, usageCorrections }: MeasureRequest,
): Snapshot {
  const place = { period: period!, inForce: inForce!, timeZone }
  const measurements = tariff!.items.flatMap(({ meter }) =>
    assignments
      // A resource of this name has an agent that never came up.
      .filter(({ resource }) => resource !== 'host:silent')
      .map(({ resource, period: assigned, dimensions }) => ({
        resource,
        meter,
        unit: unitOf(meter),
        period: assigned!,
        dimensions,
        share: '1',
        streams: [agent.measure(resource, meter, assigned!)],
      })),
  )
  return create(SnapshotSchema, {
    ...place,
    measurements,
    watermarks: agent.newest(),
    usageCorrections,
  })
}

/** What Rate answers. */
export function rateResponse(request: RateRequest): RateResponse {
  return create(RateResponseSchema, { ...rated(request), usage: request.withUsage ? usageOf(request) : [] })
}

/** Prices by the unit and fees; what is measured of a resource of this name has no price. */
function rated({ tariff, snapshot }: RateRequest): Pick<Rated, 'charges' | 'unpriced'> {
  const all = [...snapshot!.measurements.entries()]
  const isUnpriced = ({ resource }: Measurement): boolean => resource === 'host:unpriced'
  const charges = tariff!.rules.flatMap((rule) => {
    if (rule['kind'] === 'fee') return [fee(rule, tariff!, snapshot!)]
    const item = tariff!.items.find(({ itemId }) => itemId === rule['item'])!
    return all
      .filter(([, measurement]) => measurement.meter === item.meter && !isUnpriced(measurement))
      .map(([index, measurement]) => charge(index, measurement, item, rule, tariff!))
  })
  const unpriced = all
    .filter(([, measurement]) => isUnpriced(measurement))
    .map(([measurement, { period }]) => ({ measurement, periods: [period!] }))
  return { charges: snapshot!.corrects === '' ? charges : due(charges, snapshot!), unpriced }
}

/** What each line of usage prices, of a correction the whole. */
function usageOf({ tariff, snapshot }: RateRequest): MessageInitShape<typeof LineUsageSchema>[] {
  const whole = { ...snapshot!, corrects: '', billed: [] }
  const { charges = [] } = rated(create(RateRequestSchema, { tariff: tariff!, snapshot: whole }))
  return charges.flatMap(({ lineId = '', measurements = [] }) => {
    const parts = measurements.map((place) => {
      const { resource, meter, period, streams } = snapshot!.measurements[place]!
      return { resource, meter, period: period!, quantity: streams[0]!.quantity }
    })
    return parts.length === 0 ? [] : [{ lineId, parts }]
  })
}

/** Charges less what was billed of them before; what comes to nothing is left out. */
function due(charges: readonly Charge[], { billed }: Snapshot): Charge[] {
  return charges
    .map((each) => {
      const currency = unwrap(parseCurrency(each.currency))
      const before = billed.filter(({ lineId }) => lineId === each.lineId).map(({ amount }) => amount)
      const amounts = before.map((amount) => unwrap(parseAmount(amount, currency)))
      const rest = subtractMoney(unwrap(parseAmount(each.amount, currency)), sumMoney(amounts, currency))
      return { ...each, kind: 'late-usage', amount: formatAmount(rest) }
    })
    .filter(({ amount }) => Number(amount) !== 0)
}

const STEPS = new Map<Grain, Step>([
  [Grain.HOUR, 'hour'],
  [Grain.DAY, 'day'],
  [Grain.MONTH, 'month'],
  [Grain.YEAR, 'year'],
])

/** A row for each resource, meter and step. */
export function seriesOf(
  agent: TestAgent,
  { assignments, meters, grain, timeZone }: GetSeriesRequest,
): MessageInitShape<typeof SeriesRowSchema>[] {
  return assignments.flatMap(({ resource, period, dimensions }) =>
    meters.flatMap((meter) => {
      const whole = { from: Number(period!.fromMs), to: Number(period!.toMs) }
      const step = STEPS.get(grain)
      const steps = step === undefined ? [whole] : cutBySteps(whole, step, timeZone)
      return steps.map(({ from, to }) => {
        const part = create(PeriodSchema, { fromMs: BigInt(from), toMs: BigInt(to) })
        const { quantity } = agent.measure(resource, meter, part)
        return { resource, meter, unit: unitOf(meter), period: part, quantity, coveredMinutes: 1, dimensions }
      })
    }),
  )
}

function fee(rule: Tariff['rules'][number], { currency }: Tariff, { inForce }: Snapshot): Charge {
  const [id, amount] = [rule['id'] as string, rule['amount'] as string]
  const names = { lineId: id, itemId: id, ruleId: id, kind: 'fee', description: id }
  return create(ChargeSchema, { ...names, period: inForce!, amount, exact: amount, currency, coverage: {} })
}

function charge(
  index: number,
  { resource, meter, unit: baseUnit, period, streams }: Measurement,
  item: Item,
  rule: Tariff['rules'][number],
  tariff: Tariff,
): Charge {
  const { unitPrice } = rule['price'] as { unitPrice: string }
  const id = rule['id'] as string
  const usage = streams[0]!
  const { mode, scale } = item.quantityRounding!
  const factor = unwrap(conversion(baseUnit, item.unit))
  const exact = multiply(rational(BigInt(usage.quantity)), factor)
  const quantity = formatDecimal(exact, scale, unwrap(roundingByName(mode)))
  const product = multiply(unwrap(parseDecimal(quantity)), unwrap(parseDecimal(unitPrice)))
  const currency = unwrap(parseCurrency(tariff.currency))
  const amount = formatAmount(roundToMoney(product, currency, unwrap(roundingByName(tariff.amountRounding))))
  return create(ChargeSchema, {
    lineId: `${id} ${resource} ${formatInstant(Number(period!.fromMs))}`,
    itemId: item.itemId,
    ruleId: id,
    kind: 'usage',
    pool: resource,
    description: item.name,
    resource,
    meter,
    period: period!,
    quantity,
    unit: item.unit,
    unitPrice,
    exact: text(product),
    amount,
    currency,
    trace: [
      {
        rule: `${baseUnit} to ${item.unit}`,
        input: `${usage.quantity} × ${text(factor)}`,
        output: text(exact),
      },
      { rule: `quantity ${mode} ${scale}`, input: text(exact), output: quantity },
      {
        rule: 'per unit',
        input: `${text(unwrap(parseDecimal(quantity)))} × ${text(unwrap(parseDecimal(unitPrice)))}`,
        output: text(product),
      },
      { rule: `amount ${tariff.amountRounding} ${currency}`, input: text(product), output: amount },
    ],
    measurements: [index],
    coverage: usage.coverage!,
    // A resource of this name is covered too little, whatever the rule says.
    held: resource === 'host:patchy',
  })
}

function text(value: Rational): string {
  return formatExact(value) ?? formatFraction(value)
}
