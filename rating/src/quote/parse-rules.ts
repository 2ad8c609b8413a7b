import { money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { ONE, ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import type { BurstRule } from '../rule/burst.ts'
import type { Rule } from '../rule/evaluate.ts'
import { beginsAnew } from '../rule/quantity.ts'
import type { QuantityRule } from '../rule/quantity.ts'
import type { Terms } from '../rule/types.ts'
import type { Selector } from '../rule/select.ts'
import type { UsageRule } from '../rule/usage.ts'
import type { Quote, QuoteRule } from './document.ts'
import { originOf, withItems } from './parse-items.ts'
import type { SoldRule } from './parse-items.ts'
import { readModel, readPrice } from './parse-models.ts'
import type { Reader } from './parse.ts'

/** A quantity that is billed as it is. */
const UNCHANGED: QuantityRule = {
  aggregate: 'sum',
  threshold: undefined,
  increment: undefined,
  rounding: undefined,
  free: undefined,
  minimum: undefined,
}

/** Gaps beyond three days are looked at by people, unless the rule says otherwise. */
const LONGEST_HOURS = 72
const HOUR_MS = 3_600_000

type Of<Kind extends QuoteRule['kind']> = Extract<QuoteRule, { kind: Kind }>

/** Reads the rules of a document; notes what contradicts itself. */
export function readRules(
  { rules: given, items = [] }: Pick<Quote, 'rules' | 'items'>,
  terms: Terms,
  reader: Reader,
): Rule[] {
  const rules = withItems(given, items, reader)
  const known = new Map<string, Rule>()
  const grants = new Set<string>()
  return rules.map(({ rule, item }, index) => {
    const pointer = `/rules/${index}`
    const earlier = (ids: readonly string[], member: string): void =>
      ids.forEach((id, at) => {
        if (!known.has(id))
          reader.refuse(
            `${pointer}/${member}/${at}`,
            `${id} is no rule before this one; a rule sees only what stands above it`,
          )
      })
    if ('of' in rule && rule.of !== undefined) earlier(rule.of, 'of')
    if (known.has(rule.id)) reader.refuse(`${pointer}/id`, `another rule has the id ${rule.id} already`)
    const read = chained(readRule({ rule, item }, pointer, terms, reader), known)
    if (rule.kind === 'usage') checkUsage(rule, pointer, reader)
    if (rule.kind === 'usage' && rule.continues !== undefined) {
      const before = known.get(rule.continues)
      if (before?.kind !== 'usage')
        reader.refuse(`${pointer}/continues`, `${rule.continues} is no usage rule before this one`)
      else if (read.kind === 'usage' && (beginsAnew(read.quantity) || beginsAnew(before.quantity)))
        reader.refuse(
          `${pointer}/continues`,
          'free, minimum, thresholds of sums and aggregates but the sum do not go on',
        )
    }
    if (rule.kind === 'credit')
      rule.grants.forEach(({ id }, at) => {
        if (grants.has(id)) reader.refuse(`${pointer}/grants/${at}/id`, `grant ${id} is there already`)
        grants.add(id)
      })
    known.set(rule.id, read)
    return read
  })
}

/** With all rules that a usage rule goes on from, not only the last. */
function chained(rule: Rule, known: ReadonlyMap<string, Rule>): Rule {
  if (rule.kind !== 'usage') return rule
  const continues = rule.continues.flatMap((id) => {
    const before = known.get(id)
    return before?.kind === 'usage' ? [id, ...before.continues] : [id]
  })
  return { ...rule, continues }
}

function readRule({ rule, item }: SoldRule, pointer: string, terms: Terms, reader: Reader): Rule {
  const { id, name = rule.id } = rule
  const common = { id, name }
  switch (rule.kind) {
    case 'usage':
      return { ...common, ...readUsage(rule, item, pointer, reader) }
    case 'percentile':
      return { ...common, ...readPercentile(rule, pointer, reader) }
    case 'fee':
      return {
        ...common,
        kind: 'fee',
        amount: reader.decimal(rule.amount, ZERO),
        quantity: reader.decimal(rule.quantity, ONE),
        period: reader.period(`${pointer}/period`, rule.period, terms.period),
        effective: effectiveOf(rule, pointer, reader),
        proration: rule.proration ?? 'day',
      }
    case 'minimum':
    case 'maximum':
      return { ...common, kind: rule.kind, ...readSpend(rule, pointer, reader) }
    case 'commitment':
      return {
        ...common,
        kind: 'commitment',
        ...readSpend(rule, pointer, reader),
        overageFactor: reader.decimal(rule.overageFactor, ONE),
        trueUp: rule.trueUp ?? true,
      }
    case 'discount':
      if ((rule.percent === undefined) === (rule.amount === undefined))
        reader.refuse(pointer, 'a discount has either percent or amount')
      if (rule.percent !== undefined && compare(reader.decimal(rule.percent, ZERO), rational(100n)) > 0)
        reader.refuse(`${pointer}/percent`, 'a discount is at most 100 per cent')
      return {
        ...common,
        kind: 'discount',
        of: rule.of,
        percent: reader.maybe(rule.percent),
        amount: reader.maybe(rule.amount),
        base: rule.base ?? 'remaining',
        effective: undefined,
      }
    case 'credit':
      return { ...common, kind: 'credit', of: rule.of, grants: readGrants(rule, pointer, terms, reader) }
    case 'sla-credit':
      return { ...common, ...readSla(rule, pointer, reader) }
    default:
      throw new Error(`not a rule: ${JSON.stringify(rule satisfies never)}`)
  }
}

/** What a price does not take into account is refused, not ignored. */
function checkUsage(rule: Of<'usage'>, pointer: string, reader: Reader): void {
  const { model } = rule.price
  if (rule.level !== undefined && rule.estimate !== undefined)
    reader.refuse(`${pointer}/estimate`, 'a level lasts until its next change; there is nothing to estimate')
  const cut = model === 'calendar' || model === 'matrix' ? `of a ${model}` : undefined
  const where = model === 'percentage' ? 'of a percentage' : cut
  const members =
    model === 'percentage'
      ? (['free', 'minimum', 'threshold', 'increment', 'rounding'] as const)
      : (['free', 'minimum', ...(rule.threshold?.at === 'entry' ? [] : (['threshold'] as const))] as const)
  if (where === undefined) return
  for (const member of members)
    if (rule[member] !== undefined)
      reader.refuse(`${pointer}/${member}`, `${member} has no meaning for the quantities ${where}`)
}

function readUsage(
  rule: Of<'usage'>,
  item: SoldRule['item'],
  pointer: string,
  reader: Reader,
): Omit<UsageRule, 'id' | 'name'> {
  return {
    kind: 'usage',
    select: readSelect(rule),
    unit: rule.unit ?? '1',
    per: rule.per ?? 'contract',
    grain: rule.grain,
    estimate: readEstimate(rule),
    reviewBelow: reader.maybe(rule.reviewBelow),
    quantity: readQuantity(rule, item, reader),
    price: readPrice(rule.price, `${pointer}/price`, reader),
    late: rule.late ?? 'this-period',
    effective: effectiveOf(rule, pointer, reader),
    level: rule.level,
    continues: rule.continues === undefined ? [] : [rule.continues],
  }
}

function readEstimate({ estimate }: Of<'usage'>): UsageRule['estimate'] {
  if (estimate === undefined || estimate.method === 'none') return undefined
  const { method, longestHours = LONGEST_HOURS } = estimate
  return { method, longestMs: longestHours * HOUR_MS }
}

function readSelect({ select }: Of<'usage' | 'percentile'>): Selector {
  return { meters: select?.meters ?? [], dimensions: select?.dimensions ?? {} }
}

function readQuantity(rule: Of<'usage'>, item: SoldRule['item'], reader: Reader): QuantityRule {
  const { threshold, increment, free } = rule
  return {
    aggregate: rule.aggregate ?? 'sum',
    threshold:
      threshold === undefined
        ? undefined
        : {
            quantity: reader.decimal(threshold.quantity, ZERO),
            at: threshold.at ?? 'line',
            origin: originOf('threshold', rule, item),
          },
    increment:
      increment === undefined
        ? undefined
        : {
            size: reader.decimal(increment.size, ONE),
            minimum: reader.decimal(increment.minimum, ZERO),
            at: increment.at ?? 'entry',
            origin: originOf('increment', rule, item),
          },
    rounding: readRounding(rule.rounding),
    free:
      free === undefined
        ? undefined
        : { quantity: reader.decimal(free.quantity, ZERO), stage: free.stage ?? 'before-rounding' },
    minimum: reader.maybe(rule.minimum),
  }
}

function readRounding(rounding: Of<'usage'>['rounding']): QuantityRule['rounding'] {
  return rounding === undefined ? undefined : { ...rounding, at: rounding.at ?? 'line' }
}

function readPercentile(
  rule: Of<'percentile'>,
  pointer: string,
  reader: Reader,
): Omit<BurstRule, 'id' | 'name'> {
  const percent = reader.decimal(rule.percent, rational(95n))
  if (compare(percent, rational(100n)) > 0) reader.refuse(`${pointer}/percent`, 'a percentile is at most 100')
  return {
    kind: 'percentile',
    select: readSelect(rule),
    per: rule.per ?? 'contract',
    reviewBelow: reader.maybe(rule.reviewBelow),
    percentile: {
      percent,
      directions: rule.directions ?? 'higher',
      missing: rule.missingSlots ?? 'excluded',
    },
    effective: undefined,
    unit: rule.unit ?? '1',
    commit: reader.decimal(rule.commit, ZERO),
    factor: reader.decimal(rule.factor, ONE),
    quantity: { ...UNCHANGED, rounding: readRounding(rule.rounding && { ...rule.rounding, at: 'line' }) },
    price: readModel(rule.price, `${pointer}/price`, reader),
  }
}

function readSpend(rule: Of<'minimum' | 'maximum' | 'commitment'>, pointer: string, reader: Reader) {
  return {
    of: rule.of,
    amount: reader.decimal(rule.amount, ZERO),
    proration: rule.proration ?? 'day',
    effective: effectiveOf(rule, pointer, reader),
  } as const
}

function readGrants({ grants }: Of<'credit'>, pointer: string, terms: Terms, reader: Reader) {
  return grants.map(({ id, amount, priority = 0, from, expires }, index) => {
    const place = `${pointer}/grants/${index}`
    return {
      id,
      amount:
        reader.take(`${place}/amount`, parseAmount(amount, terms.currency)) ?? money(0n, terms.currency),
      priority,
      fromMs: reader.instant(`${place}/from`, from),
      expiresMs: reader.instant(`${place}/expires`, expires),
    }
  })
}

function readSla(rule: Of<'sla-credit'>, pointer: string, reader: Reader) {
  const bands = rule.bands.map(({ below, percent }) => ({
    below: reader.decimal(below, ZERO),
    credit: reader.decimal(percent, ZERO),
  }))
  bands.forEach(({ below, credit }, index) => {
    if (compare(credit, rational(100n)) > 0)
      reader.refuse(`${pointer}/bands/${index}/percent`, 'a credit is at most 100 per cent')
    const before = bands[index - 1]
    if (before !== undefined && compare(below, before.below) >= 0)
      reader.refuse(`${pointer}/bands/${index}/below`, 'bands descend: it must lie below the one before')
  })
  const { of, service, minimum } = rule
  return { kind: 'sla-credit', of, service, bands, minimum: reader.decimal(minimum, ZERO) } as const
}

function effectiveOf(
  { effective }: { readonly effective?: { from: string; to: string } },
  pointer: string,
  reader: Reader,
) {
  return effective === undefined
    ? undefined
    : reader.period(`${pointer}/effective`, effective, { from: 0, to: 1 })
}
