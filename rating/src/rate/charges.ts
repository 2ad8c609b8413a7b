import { create } from '@bufbuild/protobuf'
import {
  type Charge,
  ChargeSchema,
  type Measurement,
  type Snapshot,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatAmount, majorAmount } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { takesEstimate } from '../rule/estimate.ts'
import type { Evaluation } from '../rule/evaluate.ts'
import { exactQuantityText, quantityText } from '../rule/quantity.ts'
import type { Line } from '../rule/types.ts'
import { type TraceStep, exactText } from '../tariff/trace.ts'
import { lineId } from './line-id.ts'
import { periodInit } from './message.ts'
import type { SnapshotFacts } from './snapshot.ts'
import { type PricedTariff, ROUNDING } from './tariff.ts'

/** The lines of an evaluation as charges, and where the total alone is rounded, a line for the rest. */
export function chargesOf(
  { lines, roundingDifference }: Evaluation,
  tariff: PricedTariff,
  read: SnapshotFacts,
  snapshot: Snapshot,
): Charge[] {
  const charges = lines.map((line) => chargeOf(line, tariff, read, snapshot))
  if (roundingDifference.minor === 0n) return numbered(charges)
  const rest: Line = {
    rule: ROUNDING,
    kind: 'rounding',
    pool: '',
    name: 'Rounding',
    period: read.place.inForce,
    quantity: undefined,
    unit: undefined,
    exact: majorAmount(roundingDifference),
    amount: roundingDifference,
    trace: [
      {
        rule: 'the total alone is rounded',
        input: `total less the ${lines.length} lines as shown`,
        output: formatAmount(roundingDifference),
      },
    ],
  }
  return numbered([...charges, chargeOf(rest, tariff, read, snapshot)])
}

/** No two lines have one id: what repeats is counted, in the order of lines. */
function numbered(charges: Charge[]): Charge[] {
  const times = new Map<string, number>()
  for (const charge of charges) {
    const count = (times.get(charge.lineId) ?? 0) + 1
    times.set(charge.lineId, count)
    if (count > 1) charge.lineId += ` #${count}`
  }
  return charges
}

function chargeOf(
  line: Line,
  { itemOf, rules }: PricedTariff,
  { usageFrom, estimatedOf, seriesFrom, facts, place }: SnapshotFacts,
  snapshot: Snapshot,
): Charge {
  const { sources = [], ranked = [] } = line
  const rule = ruleOf(line, rules)
  const places = [...sources.map((index) => usageFrom[index]!), ...ranked.map((index) => seriesFrom[index]!)]
  const measurements = [...new Set(places)].toSorted((a, b) => a - b)
  const measured = measurements.map((index) => snapshot.measurements[index]!)
  const parts = sources.map((index) => facts.usage[index]!.period)
  const period = hull(parts) ?? clipped(line.period, place.inForce)
  const estimatedMs = estimatedIn(measurements, rule, estimatedOf)
  const coverage = { ...coverageOf(measured), estimatedMs }
  const review = reviewOf(coverage, rule?.reviewBelow)
  return create(ChargeSchema, {
    lineId: lineId(line, period),
    itemId: itemOf.get(line.rule) ?? line.rule,
    resource: single(measured, 'resource'),
    meter: single(measured, 'meter'),
    period: periodInit(period),
    quantity: line.quantity === undefined ? '' : quantityText(line.quantity),
    exactQuantity: line.quantity === undefined ? '' : exactQuantityText(line.quantity),
    unit: line.unit ?? '',
    unitPrice: line.unitPrice === undefined ? '' : exactText(line.unitPrice),
    amount: formatAmount(line.amount),
    currency: line.amount.currency,
    trace: [...line.trace, ...review.trace].map((step) => ({ ...step })),
    ruleId: line.rule,
    kind: line.kind,
    pool: line.pool,
    description: line.name,
    exact: exactText(line.exact),
    measurements,
    coverage,
    held: review.isHeld,
  })
}

/** Of what the measurements miss, what the rule estimates on a line of its own, milliseconds. */
function estimatedIn(
  measurements: readonly number[],
  rule: ReturnType<typeof ruleOf>,
  estimatedOf: SnapshotFacts['estimatedOf'],
): bigint {
  if (rule?.kind !== 'usage' || rule.estimate === undefined) return 0n
  return measurements
    .flatMap((measurement) => estimatedOf.get(measurement) ?? [])
    .filter((usage) => takesEstimate(rule.estimate, usage))
    .reduce((sum, { period }) => sum + BigInt(period.to - period.from), 0n)
}

/** The rule that a line prices usage by. */
function ruleOf(line: Line, rules: PricedTariff['rules']) {
  const rule = rules.find(({ id }) => id === line.rule)
  return rule?.kind === 'usage' || rule?.kind === 'percentile' ? rule : undefined
}

/** Whether readings cover less of the time than a rule asks for; what is not measured at all has no coverage to look at. */
function reviewOf(
  { coveredMs, spreadMs, missingMs }: { coveredMs: bigint; spreadMs: bigint; missingMs: bigint },
  least: Rational | undefined,
): { readonly isHeld: boolean; readonly trace: readonly TraceStep[] } {
  const whole = coveredMs + spreadMs + missingMs
  if (least === undefined || whole === 0n) return { isHeld: false, trace: [] }
  const isHeld = coveredMs * least.d < least.n * whole
  const step = {
    rule: `review below ${exactText(least)} covered`,
    input: `${coveredMs} of ${whole} ms`,
    output: isHeld ? 'held' : 'not held',
  }
  return { isHeld, trace: [step] }
}

/** What all measurements have in common; empty where they differ. */
function single(measured: readonly Measurement[], member: 'resource' | 'meter'): string {
  const values = new Set(measured.map((measurement) => measurement[member]))
  const [only = ''] = values
  return values.size === 1 ? only : ''
}

function hull(periods: readonly Period[]): Period | undefined {
  const [first, ...rest] = periods
  return rest.reduce(
    (all, { from, to }) => all && { from: Math.min(all.from, from), to: Math.max(all.to, to) },
    first,
  )
}

/** The part of a line's period in which the tariff is in force; the whole where it lies elsewhere, as what is billed in advance. */
function clipped(period: Period, stretch: Period): Period {
  const [from, to] = [Math.max(period.from, stretch.from), Math.min(period.to, stretch.to)]
  return from < to ? { from, to } : period
}

function coverageOf(measured: readonly Measurement[]) {
  const streams = measured.flatMap((measurement) => measurement.streams)
  const sum = (member: 'coveredMs' | 'spreadMs' | 'missingMs'): bigint =>
    streams.reduce((all, { coverage }) => all + (coverage?.[member] ?? 0n), 0n)
  return { coveredMs: sum('coveredMs'), spreadMs: sum('spreadMs'), missingMs: sum('missingMs'), gaps: [] }
}
