import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { INSTANT_MAX_MS, parseInstant } from '@vouch/proto/kernel/instant.ts'
import { parseAmount } from '@vouch/proto/kernel/money.ts'
import { parseZone, period as periodFrom } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { ONE, ZERO, add, compare, equals } from '@vouch/proto/kernel/rational.ts'
import type { Rule } from '../rule/evaluate.ts'
import type { PriceChoice } from '../rule/pieces.ts'
import { beginsAnew } from '../rule/quantity.ts'
import { isSpend } from '../rule/spend.ts'
import type { Facts, Terms, Usage } from '../rule/types.ts'
import { inSteps } from '../usage/slot-values.ts'
import type { Quote } from './document.ts'
import { STAND_INS, isUnread } from './remainder.ts'
import type { Unread } from './remainder.ts'

/** Reads members of a document that its schema has let through; notes every fault with its pointer. */
export class Reader {
  readonly faults: Fault[] = []
  readonly unread: Unread

  constructor(unread: Unread) {
    this.unread = unread
  }

  take<T>(pointer: string, result: Result<T>): T | undefined {
    if (result.ok) return result.value
    this.faults.push({ ...result.fault, pointer: `${pointer}${result.fault.pointer ?? ''}` })
    return undefined
  }

  refuse(pointer: string, message: string): void {
    this.faults.push(fail('TARIFF_INVALID', message, { pointer }).fault)
  }

  /** A decimal that the schema's pattern has accepted. */
  decimal(text: string | undefined, otherwise: Rational): Rational {
    if (text === undefined) return otherwise
    return unwrap(parseDecimal(text))
  }

  maybe(text: string | undefined): Rational | undefined {
    return text === undefined ? undefined : this.decimal(text, ZERO)
  }

  period(pointer: string, value: { from: string; to: string } | undefined, otherwise: Period): Period {
    if (value === undefined) return otherwise
    const from = this.instant(`${pointer}/from`, value.from)
    const to = this.instant(`${pointer}/to`, value.to)
    return from === undefined || to === undefined
      ? otherwise
      : (this.take(pointer, periodFrom(from, to)) ?? otherwise)
  }

  instant(pointer: string, text: string | undefined): number | undefined {
    return text === undefined ? undefined : this.take(pointer, parseInstant(text))
  }
}

/** A period for what cannot be read: its fault is noted. */
const NO_PERIOD: Period = { from: 0, to: 1 }

/** What holds for all rules. */
export function readTerms(document: Quote, reader: Reader): Terms {
  const { rounding } = document
  const period = reader.period('/period', document.period, NO_PERIOD)
  return {
    currency: reader.take('/currency', parseCurrency(document.currency)) ?? STAND_INS.currency,
    zone: document.zone === undefined ? 'UTC' : (reader.take('/zone', parseZone(document.zone)) ?? 'UTC'),
    period,
    inForce: period,
    contract: contractOf(document, period, reader),
    term: termOf(document, period, reader),
    rounding: { stage: rounding?.stage ?? 'line', mode: rounding?.mode ?? 'half-up' },
  }
}

/** From where to where the contract runs, the whole of the document's period among it. */
function contractOf({ contract }: Quote, period: Period, reader: Reader): Period | undefined {
  if (contract === undefined) return undefined
  const from = reader.instant('/contract/from', contract.from) ?? period.from
  const to = reader.instant('/contract/to', contract.to) ?? INSTANT_MAX_MS
  // What stands in for a period says nothing of the contract.
  if (period === NO_PERIOD || reader.unread.members.has('period')) return { from, to }
  if (from > period.from) reader.refuse('/contract/from', 'the period begins before the contract')
  if (to < period.to) reader.refuse('/contract/to', 'the period ends after the contract')
  return { from, to }
}

/** The agreed term, which the end of the document's period cuts short. */
function termOf({ term }: Quote, period: Period, reader: Reader): Period | undefined {
  if (term === undefined) return undefined
  const agreed = reader.period('/term', term, NO_PERIOD)
  if (agreed === NO_PERIOD || period === NO_PERIOD || reader.unread.members.has('period')) return agreed
  if (agreed.from > period.from) reader.refuse('/term/from', 'the period begins before the term')
  if (agreed.to <= period.to)
    reader.refuse('/term/to', 'the term is over with the period: it is not cut short')
  return agreed
}

/** What the rules are applied to. */
export function readFacts(document: Quote, terms: Terms, rules: readonly Rule[], reader: Reader): Facts {
  const { usage = [], changes = [], series = [], billed = [], availability = [] } = document
  const slots = series[0]?.values.length ?? 0
  const continued = readBilled(billed, terms, rules, reader)
  return {
    usage: usage.map((entry, index) => readUsage(entry, index, terms, reader)),
    changes: changes.map((entry, index) => ({
      ...placeOf(entry),
      atMs: reader.instant(`/changes/${index}/at`, entry.at) ?? 0,
      change: reader.decimal(entry.change, ZERO),
    })),
    series: series.map((entry, index) => {
      if (entry.values.length !== slots)
        reader.refuse(
          `/series/${index}/values`,
          `every series has the same slots: ${slots}, not ${entry.values.length}`,
        )
      return {
        index,
        ...placeOf(entry),
        unit: entry.unit ?? '1',
        direction: entry.direction ?? 'level',
        ...inSteps(entry.values.map((value) => (value === null ? undefined : reader.decimal(value, ZERO)))),
      }
    }),
    billed: continued,
    earlier: continued,
    used: new Map(),
    availability: availability.map(({ service, expected, available }, index) => {
      if (availability.findIndex((each) => each.service === service) < index)
        reader.refuse(`/availability/${index}/service`, `the availability of ${service} is there already`)
      const [whole, part] = [reader.decimal(expected, ONE), reader.decimal(available, ZERO)]
      if (compare(part, whole) > 0)
        reader.refuse(`/availability/${index}/available`, `it is no more than was expected: ${expected}`)
      return { service, expected: whole, available: part }
    }),
  }
}

function readUsage(
  entry: NonNullable<Quote['usage']>[number],
  index: number,
  terms: Terms,
  reader: Reader,
): Usage {
  const items = (entry.items ?? []).map((item) => reader.decimal(item, ZERO))
  const sum = items.reduce((total, item) => add(total, item), ZERO)
  if (entry.quantity === undefined && items.length === 0)
    reader.refuse(`/usage/${index}/quantity`, 'give a quantity, or the items that it is the sum of')
  if (entry.quantity !== undefined && items.length > 0 && !equals(reader.decimal(entry.quantity, ZERO), sum))
    reader.refuse(`/usage/${index}/quantity`, 'it is not the sum of the items')
  const period = reader.period(`/usage/${index}/period`, entry.period, terms.period)
  const estimated =
    entry.estimated === undefined ? undefined : { method: entry.estimated, gapMs: period.to - period.from }
  return {
    index,
    ...placeOf(entry),
    unit: entry.unit ?? '1',
    period,
    estimated,
    quantity: reader.decimal(entry.quantity, sum),
    chosenBy: reader.maybe(entry.chosenBy),
    items,
  }
}

type BilledEntry = NonNullable<Quote['billed']>[number]

function readBilled(
  billed: readonly BilledEntry[],
  terms: Terms,
  rules: readonly Rule[],
  reader: Reader,
): Facts['billed'] {
  // Of rules that nobody could read some may count over a window.
  const isPartial = reader.unread.rules === undefined || reader.unread.rules.size > 0
  const check = rules.some(countsOverWindow) ? checkEarlier : checkBilled
  return billed.map((entry, index) => {
    const pointer = `/billed/${index}`
    if (!isPartial) check(entry, rules, pointer, reader)
    else if (rules.every(({ id }) => id !== entry.rule) && !isUnread(reader.unread.rules, entry.rule))
      reader.refuse(`${pointer}/rule`, `there is no rule ${entry.rule}`)
    const span = reader.period(`${pointer}/period`, entry.period, terms.period)
    if (!isPartial && check === checkEarlier && entry.period !== undefined && span.to > terms.period.from)
      reader.refuse(`${pointer}/period`, 'it was not billed for a time before this one')
    if (entry.amount !== undefined)
      reader.take(`${pointer}/amount`, parseAmount(entry.amount, terms.currency))
    return {
      rule: entry.rule,
      pool: entry.pool ?? '',
      period: span,
      quantity: reader.maybe(entry.quantity),
      unit: undefined,
      amount: reader.maybe(entry.amount),
    }
  })
}

function countsOverWindow(rule: Rule): boolean {
  return (rule.kind === 'usage' || isSpend(rule)) && rule.window !== undefined
}

/** Lines of earlier documents, where rules count over a window: any rule's amounts, and the quantities that tiers go on from. */
function checkEarlier(
  { rule: id, pool, period, quantity, amount }: BilledEntry,
  rules: readonly Rule[],
  pointer: string,
  reader: Reader,
): void {
  if (period === undefined) reader.refuse(`${pointer}/period`, 'say for when it was billed')
  const rule = rules.find((each) => each.id === id)
  if (rule === undefined) reader.refuse(`${pointer}/rule`, `there is no rule ${id}`)
  else if (isSpend(rule) && pool !== undefined) reader.refuse(`${pointer}/pool`, 'a bound has no pools')
  else if (quantity !== undefined && !continuesQuantity(rule))
    reader.refuse(pointer, `rule ${id} takes no quantity`)
  else if (quantity === undefined && rule.kind === 'usage' && rule.window !== undefined)
    reader.refuse(pointer, 'give the quantity that was billed')
  else if (quantity === undefined && amount === undefined)
    reader.refuse(pointer, 'give the amount that was billed')
}

/** What was billed is a quantity of usage, or an amount of what is bounded; of other rules nothing is continued. */
function checkBilled(entry: BilledEntry, rules: readonly Rule[], pointer: string, reader: Reader): void {
  const rule = rules.find(({ id }) => id === entry.rule)
  const continues = continuesQuantity(rule)
  const isBound = rule !== undefined && isSpend(rule)
  if (rule === undefined) reader.refuse(`${pointer}/rule`, `there is no rule ${entry.rule}`)
  else if (!continues && !isBound) reader.refuse(`${pointer}/rule`, `rule ${entry.rule} continues nothing`)
  else if (isBound && entry.pool !== undefined) reader.refuse(`${pointer}/pool`, 'a bound has no pools')
  else if (continues ? entry.quantity === undefined : entry.amount === undefined)
    reader.refuse(
      pointer,
      continues ? 'give the quantity that was billed' : 'give the amount that was billed',
    )
  else if (continues ? entry.amount !== undefined : entry.quantity !== undefined)
    reader.refuse(pointer, `rule ${entry.rule} takes no ${continues ? 'amount' : 'quantity'}`)
}

function continuesQuantity(rule: Rule | undefined): boolean {
  return rule?.kind === 'usage' && !isPercentage(rule.price) && !beginsAnew(rule.quantity)
}

function isPercentage(price: PriceChoice): boolean {
  if (price.by === 'nothing') return price.model.model === 'percentage'
  const models =
    price.by === 'window'
      ? Object.values(price.models)
      : [...price.rows.map(({ model }) => model), price.otherwise]
  return models.some((each) => each?.model === 'percentage')
}

function placeOf({
  meter,
  resource = '',
  dimensions = {},
}: {
  meter: string
  resource?: string
  dimensions?: Record<string, string>
}) {
  return { meter, resource, dimensions }
}
