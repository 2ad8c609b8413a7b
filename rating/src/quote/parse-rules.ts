import { isDeepStrictEqual } from 'node:util'
import { money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { ONE, ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import type { BurstRule } from '../rule/burst.ts'
import { overlaps } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rule } from '../rule/evaluate.ts'
import type { UsageRule } from '../rule/usage.ts'
import { beginsAnew } from '../rule/quantity.ts'
import type { QuantityRule } from '../rule/quantity.ts'
import { isSpend } from '../rule/spend.ts'
import type { Terms } from '../rule/types.ts'
import type { Quote } from './document.ts'
import { withItems } from './parse-items.ts'
import type { SoldRule } from './parse-items.ts'
import { readModel } from './parse-models.ts'
import { checkUsage, effectiveOf, readRounding, readSelect, readUsage } from './parse-usage.ts'
import type { Of } from './parse-usage.ts'
import { checkFees, readTermination, withFees } from './parse-termination.ts'
import type { Reader } from './parse.ts'
import { isUnread } from './remainder.ts'

/** A quantity that is billed as it is. */
const UNCHANGED: QuantityRule = {
  aggregate: 'sum',
  threshold: undefined,
  increment: undefined,
  rounding: undefined,
  free: undefined,
  minimum: undefined,
}

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
        if (!known.has(id) && !isUnread(reader.unread.rules, id))
          reader.refuse(
            `${pointer}/${member}/${at}`,
            `${id} is no rule before this one; a rule sees only what stands above it`,
          )
      })
    if ('of' in rule && rule.of !== undefined) earlier(rule.of, 'of')
    if (known.has(rule.id)) reader.refuse(`${pointer}/id`, `another rule has the id ${rule.id} already`)
    const itself = resolved(readRule({ rule, item }, pointer, terms, reader), known)
    const of = 'of' in rule ? rule.of : undefined
    const read = itself.kind === 'termination' ? withFees(itself, of, known) : itself
    if (rule.kind === 'termination') checkFees(rule, known, pointer, reader)
    if (rule.kind === 'usage') checkUsage(rule, pointer, reader)
    if (rule.kind === 'usage' && rule.continues !== undefined && read.kind === 'usage')
      checkContinues(rule.continues, read, known, { pointer, period: terms.period }, reader)
    if (rule.kind === 'credit')
      rule.grants.forEach(({ id }, at) => {
        if (grants.has(id)) reader.refuse(`${pointer}/grants/${at}/id`, `grant ${id} is there already`)
        grants.add(id)
      })
    known.set(rule.id, read)
    return read
  })
}

/** Notes why a usage rule cannot go on from another. */
function checkContinues(
  id: string,
  read: UsageRule,
  known: ReadonlyMap<string, Rule>,
  { pointer, period }: { readonly pointer: string; readonly period: Period },
  reader: Reader,
): void {
  const before = known.get(id)
  if (before === undefined && isUnread(reader.unread.rules, id)) return
  if (before?.kind !== 'usage')
    reader.refuse(`${pointer}/continues`, `${id} is no usage rule before this one`)
  else if (beginsAnew(read.quantity) || beginsAnew(before.quantity))
    reader.refuse(
      `${pointer}/continues`,
      'free, minimum, thresholds of sums and aggregates but the sum do not go on',
    )
  else if (isTwice(before, read, period))
    reader.refuse(
      `${pointer}/effective`,
      `${id}, which it continues, is in force at the same time: usage would be billed twice`,
    )
}

/** Whether one goes on from the other for the same usage while that is still in force. */
function isTwice(before: UsageRule, after: UsageRule, period: Period): boolean {
  if (before.effective === undefined && after.effective === undefined) return false
  const isSame = isDeepStrictEqual(before.select, after.select)
  return isSame && overlaps(before.effective ?? period, after.effective ?? period)
}

/** With all rules that a usage rule goes on from, not only the last; and by name those of which earlier documents count. */
function resolved(rule: Rule, known: ReadonlyMap<string, Rule>): Rule {
  if (isSpend(rule)) return rule.window === undefined ? rule : { ...rule, of: rule.of ?? [...known.keys()] }
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
        timing: rule.timing ?? 'arrears',
      }
    case 'termination':
      return { ...common, kind: 'termination', due: readTermination(rule, pointer, reader) }
    case 'minimum':
    case 'maximum':
      return { ...common, kind: rule.kind, ...readSpend(rule, pointer, terms, reader) }
    case 'commitment':
      return {
        ...common,
        kind: 'commitment',
        ...readSpend(rule, pointer, terms, reader),
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
      return {
        ...common,
        kind: 'credit',
        of: rule.of,
        order: rule.order ?? 'priority',
        grants: readGrants(rule, pointer, terms, reader),
      }
    case 'sla-credit':
      return { ...common, ...readSla(rule, pointer, reader) }
    default:
      throw new Error(`not a rule: ${JSON.stringify(rule satisfies never)}`)
  }
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

function readSpend(
  rule: Of<'minimum' | 'maximum' | 'commitment'>,
  pointer: string,
  { rounding }: Terms,
  reader: Reader,
) {
  if (rule.window !== undefined && rounding.stage === 'document')
    reader.refuse(`${pointer}/window`, 'earlier documents have rounded lines; round these as well')
  return {
    of: rule.of,
    amount: reader.decimal(rule.amount, ZERO),
    proration: rule.proration ?? 'day',
    effective: effectiveOf(rule, pointer, reader),
    window: rule.window,
  } as const
}

function readGrants({ grants }: Of<'credit'>, pointer: string, terms: Terms, reader: Reader) {
  return grants.map(({ id, amount, priority = 0, from, expires }, index) => {
    const place = `${pointer}/grants/${index}`
    const [fromMs, expiresMs] = [
      reader.instant(`${place}/from`, from),
      reader.instant(`${place}/expires`, expires),
    ]
    if (fromMs !== undefined && expiresMs !== undefined && expiresMs <= fromMs)
      reader.refuse(`${place}/expires`, 'it expires after it begins')
    return {
      id,
      amount:
        reader.take(`${place}/amount`, parseAmount(amount, terms.currency)) ?? money(0n, terms.currency),
      priority,
      fromMs,
      expiresMs,
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
