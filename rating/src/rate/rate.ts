import { create } from '@bufbuild/protobuf'
import {
  type CheckTariffRequest,
  type CheckTariffResponse,
  CheckTariffResponseSchema,
  type RateRequest,
  type RateResponse,
  RateResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { type Money, parseAmount } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { type Evaluation, evaluate } from '../rule/evaluate.ts'
import { exactText } from '../tariff/trace.ts'
import { union } from '../usage/interval.ts'
import { chargesOf } from './charges.ts'
import { beyond, differences } from './difference.ts'
import { cutsWithin, meterPlans } from './cuts.ts'
import { type LineUsage, lineUsages } from './line-usage.ts'
import { periodInit } from './message.ts'
import { type SnapshotFacts, readSnapshot } from './snapshot.ts'
import { type PricedTariff, parseTariff } from './tariff.ts'

/** What lines in advance are: fees, and the rest where the total alone is rounded. */
const ADVANCE_KINDS = new Set(['fee', 'rounding'])

/** What a tariff makes of a snapshot. */
export interface Rated {
  readonly charges: readonly Charge[]
  /** Stretches of measurements that no rule prices, by the place of the measurement. */
  readonly unpriced: readonly { readonly measurement: number; readonly periods: readonly Period[] }[]
  /** The usage that each line prices, also of those lines of which nothing is due any more. */
  readonly usage: () => readonly LineUsage[]
}

/** What keeps a tariff from being published. Fault: FIELD_MISSING. */
export function checkTariff({ tariff }: CheckTariffRequest): Result<CheckTariffResponse> {
  if (tariff === undefined) return fail('FIELD_MISSING', 'name the tariff', { pointer: '/tariff' })
  const parsed = parseTariff(tariff)
  const faults = parsed.ok ? [] : (parsed.fault.causes ?? [parsed.fault])
  return ok(create(CheckTariffResponseSchema, { faults: [...faults] }))
}

/** Charges for a snapshot, in the order of the tariff's rules. The same request gives the same bytes. Faults: as of {@link rateSnapshot}. */
export function rate({ tariff, snapshot, withUsage }: RateRequest): Result<RateResponse> {
  if (tariff === undefined) return fail('FIELD_MISSING', 'name the tariff', { pointer: '/tariff' })
  if (snapshot === undefined) return fail('FIELD_MISSING', 'give the snapshot', { pointer: '/snapshot' })
  const rated = rateSnapshot(tariff, snapshot)
  if (!rated.ok) return rated
  const { charges, unpriced, usage } = rated.value
  return ok(
    create(RateResponseSchema, {
      charges: [...charges],
      unpriced: unpriced.map(({ measurement, periods }) => ({
        measurement,
        periods: periods.map(periodInit),
      })),
      usage: (withUsage ? usage() : []).map(({ lineId, parts }) => ({
        lineId,
        parts: parts.map((part) => {
          return { ...part, period: periodInit(part.period), quantity: exactText(part.quantity) }
        }),
      })),
    }),
  )
}

/**
 * Applies a tariff to a snapshot; where earlier documents billed the stretch, what is due beyond that. Pure.
 * Faults: TARIFF_INVALID, those of the snapshot, UNIT_MISMATCH, USAGE_INCOMPLETE, OUT_OF_RANGE.
 */
export function rateSnapshot(tariff: Tariff, snapshot: Snapshot): Result<Rated> {
  const read = readSnapshot(snapshot)
  if (!read.ok) return read
  const priced = parseTariff(tariff, read.value.place)
  if (!priced.ok) return priced
  const { terms, rules } = priced.value
  const whole = checkCuts(priced.value, read.value, snapshot)
  if (!whole.ok) return whole
  const billed = checkBilled(snapshot)
  if (!billed.ok) return billed
  const windows = checkWindows(tariff, read.value, snapshot)
  if (!windows.ok) return windows
  const used = usedGrants(snapshot, terms.currency)
  if (!used.ok) return used
  const own = snapshot.advance ? inAdvance(rules, snapshot) : rules
  const evaluated = evaluate(terms, own, { ...read.value.facts, used: used.value })
  if (!evaluated.ok) return evaluated
  const charges = chargesOf(evaluated.value, priced.value, read.value, snapshot)
  const unpriced = unpricedOf(evaluated.value, read.value)
  const usage = () => lineUsages(evaluated.value.lines, charges, read.value)
  const due = (snapshot.corrects === '' ? beyond : differences)(charges, snapshot.billed, terms.currency)
  return due.ok ? ok({ charges: due.value, unpriced, usage }) : due
}

/** What was billed of a stretch was billed by a document that it corrects, or in advance; what is billed in advance was not measured. */
function checkBilled({ corrects, billed, advance, measurements }: Snapshot): Result<void> {
  if (advance && measurements.length > 0)
    return fail('FIELD_INVALID', 'nothing is measured in advance', { pointer: '/measurements' })
  if (corrects === '' && billed.some(({ kind }) => !ADVANCE_KINDS.has(kind)))
    return fail('FIELD_INVALID', 'lines were billed, so name the document that billed them first', {
      pointer: '/corrects',
    })
  return ok(undefined)
}

/** The rules that bill in advance; none where all that they billed is given back. */
function inAdvance(rules: PricedTariff['rules'], { corrects }: Snapshot): PricedTariff['rules'] {
  return corrects === '' ? rules.filter((rule) => rule.kind === 'fee' && rule.timing === 'advance') : []
}

function usedGrants({ used }: Snapshot, currency: CurrencyCode): Result<ReadonlyMap<string, Money>> {
  const amounts = collect(
    used.map(({ grant, amount }, index): Result<readonly [string, Money]> => {
      const pointer = `/used/${index}`
      const parsed = parseAmount(amount, currency)
      if (!parsed.ok) return fail(parsed.fault.code, parsed.fault.message, { pointer: `${pointer}/amount` })
      if (parsed.value.minor < 0n)
        return fail('OUT_OF_RANGE', `less than nothing is used of ${grant}`, { pointer: `${pointer}/amount` })
      if (used.findIndex((other) => other.grant === grant) < index)
        return fail('FIELD_INVALID', `${grant} is named twice`, { pointer: `${pointer}/grant` })
      return ok([grant, parsed.value])
    }),
  )
  return amounts.ok ? ok(new Map(amounts.value)) : amounts
}

/** A snapshot that was not cut for these prices would be split evenly, which is not what was measured. */
function checkCuts(
  tariff: PricedTariff,
  { place, corrections }: SnapshotFacts,
  { measurements }: Snapshot,
): Result<void> {
  const plans = meterPlans(tariff, place.inForce)
  if (!plans.ok) return plans
  const byMeter = new Map(plans.value.map((plan) => [plan.meter, plan]))
  for (const [index, { meter, period, cutsMs, slotMs }] of measurements.entries()) {
    const plan = byMeter.get(meter)
    const own = { from: Number(period!.fromMs), to: Number(period!.toMs) }
    const inside = plan && cutsWithin(own, plan, corrections[index]!)
    // One cut too many is an entry more, which is rounded by itself.
    if (plan?.slotMs === slotMs && inside?.join(' ') === cutsMs.join(' ')) continue
    return fail(
      'USAGE_INCOMPLETE',
      `${meter} was measured for other prices; measure it again under this tariff`,
      {
        pointer: `/measurements/${index}`,
      },
    )
  }
  return ok(undefined)
}

/** Rules that count over windows need the contract; where none does, nothing of earlier documents counts. */
function checkWindows({ rules }: Tariff, { place }: SnapshotFacts, snapshot: Snapshot): Result<void> {
  const isCounted = rules.some((rule) => 'window' in rule) && !snapshot.advance
  if (isCounted && place.contract === undefined)
    return fail('FIELD_MISSING', 'rules count over windows: name the contract', { pointer: '/contract' })
  if (!isCounted && snapshot.windowBilled.length > 0)
    return fail('FIELD_INVALID', 'no rule counts over a window', { pointer: '/windowBilled' })
  if (snapshot.term !== undefined && !rules.some(({ kind }) => kind === 'termination'))
    return fail('FIELD_INVALID', 'no rule asks for a fee where the term is cut short', { pointer: '/term' })
  return ok(undefined)
}

/** Usage that no rule prices; what is ranked is priced by that. */
function unpricedOf(
  { unpriced }: Evaluation,
  { usageFrom, seriesFrom, facts }: SnapshotFacts,
): Rated['unpriced'] {
  const idle = new Set(unpriced.series)
  const ranked = new Set(
    facts.series.filter(({ index }) => !idle.has(index)).map(({ index }) => seriesFrom[index]!),
  )
  // What another rule of the meter estimates is nothing that was used.
  const open = unpriced.usage.filter(
    ({ index }) => !ranked.has(usageFrom[index]!) && facts.usage[index]!.estimated === undefined,
  )
  return [...Map.groupBy(open, ({ index }) => usageFrom[index]!)].map(([measurement, parts]) => ({
    measurement,
    periods: union(parts.flatMap(({ periods }) => periods)),
  }))
}
