import { fail, failures, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Failure, Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { parseJson } from '@vouch/proto/kernel/json.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { evaluate } from '../rule/evaluate.ts'
import type { Evaluation, Rule } from '../rule/evaluate.ts'
import { quantityText } from '../rule/quantity.ts'
import type { Facts, Line, Terms } from '../rule/types.ts'
import { exactText } from '../tariff/trace.ts'
import { faultsBySchema } from './check.ts'
import { QuoteDocument } from './document.ts'
import type { Quote } from './document.ts'
import { readRules } from './parse-rules.ts'
import { checkUnits } from './parse-usage.ts'
import { Reader, readFacts, readTerms } from './parse.ts'
import { isUnread, remainderOf, without } from './remainder.ts'
import type { Remainder } from './remainder.ts'

/** Characters of a document at most. */
const TEXT_MAX = 64 * 1024 * 1024
/** What says when everything is. */
const HEAD = ['period', 'zone', 'contract', 'term']

/** What quantities follow from. */
const MEASURED = ['items', 'usage', 'changes', 'series', 'billed', 'availability']

/** A document of nothing that happened. */
const NO_FACTS = { usage: [], changes: [], series: [], billed: [], availability: [] }

/** A document that has been read. */
interface Read {
  readonly document: Quote
  readonly terms: Terms
  readonly rules: readonly Rule[]
  readonly facts: Facts
  readonly faults: readonly Fault[]
}

/**
 * Applies a contract to usage, both in one document: charges with their traces. The same document gives the same answer.
 * Faults: BODY_MALFORMED, BODY_TOO_LARGE; TARIFF_INVALID with every fault of the document in `causes`, each with its JSON pointer and code.
 */
export function quote(text: string): Result<JsonValue> {
  if (text.length > TEXT_MAX) return fail('BODY_MALFORMED', `a document has at most ${TEXT_MAX} characters`)
  const json = parseJson(text)
  if (!json.ok) return json
  const bySchema = faultsBySchema(QuoteDocument, json.value)
  const readable = without(remainderOf(json.value), bySchema.faults)
  if (readable.document === undefined || !bySchema.isWhole) return invalid(readable)
  const first = read(readable)
  const sound = without(readable, first.faults)
  if (sound.document === undefined || HEAD.some((member) => sound.unread.members.has(member)))
    return invalid(sound)
  const { document, terms, rules, facts } = sound === readable ? first : read(sound)
  const evaluated = evaluate(terms, rules, facts)
  if (evaluated.ok)
    return sound.faults.length === 0 ? ok(answer(document, terms, evaluated.value)) : invalid(sound)
  return invalid(without(sound, certain(evaluated.fault.causes ?? [evaluated.fault], sound, rules)))
}

/** The faults that are there whatever stands in what nobody could read: of quantities, too little may be known. */
function certain(
  faults: readonly Fault[],
  { faults: before, unread }: Remainder,
  rules: readonly Rule[],
): Fault[] {
  if (before.length === 0) return [...faults]
  const isKnown = MEASURED.every((member) => !unread.members.has(member))
  return faults.filter(({ code, pointer = '' }) => {
    const rule = rules.find((_, index) => pointer === `/rules/${index}`)
    const goesOn = rule?.kind === 'usage' && rule.continues.some((id) => isUnread(unread.rules, id))
    return code === 'TARIFF_INVALID' || (isKnown && rule !== undefined && !goesOn)
  })
}

/** What the schema has accepted of a document, and what is wrong with its meaning. */
function read({ document: given, unread }: Remainder): Read {
  const whole = given as unknown as Quote
  const reader = new Reader(unread)
  const terms = readTerms(whole, reader)
  // Nothing can be said of facts where nobody knows for when they are.
  const isTimeless =
    unread.members.has('period') ||
    reader.faults.some(({ pointer }) => pointer?.startsWith('/period') === true)
  const document = isTimeless ? { ...whole, ...NO_FACTS } : whole
  const rules = readRules(document, terms, reader)
  const facts = readFacts(document, terms, rules, reader)
  checkUnits(document.rules, rules, facts, reader)
  document.rules.forEach((rule, index) => {
    if ('reviewBelow' in rule)
      reader.refuse(`/rules/${index}/reviewBelow`, 'a quote does not know what readings cover; a tariff does')
    if ('timing' in rule)
      reader.refuse(`/rules/${index}/timing`, 'a quote is one document: name the period that the fee is for')
  })
  return { document, terms, rules, facts, faults: reader.faults }
}

function invalid({ faults: causes }: Remainder): Failure {
  return failures('TARIFF_INVALID', '', causes)
}

function answer(
  { usage = [], series = [], changes = [] }: Quote,
  terms: Terms,
  evaluation: Evaluation,
): JsonValue {
  const { lines, total, roundingDifference, balances, unpriced } = evaluation
  const left = (kind: string, indices: readonly number[], facts: readonly { meter: string }[]): JsonValue[] =>
    indices.map((index) => ({ pointer: `/${kind}/${index}`, meter: facts[index]!.meter }))
  return {
    currency: terms.currency,
    zone: terms.zone,
    period: periodJson(terms.period),
    lines: lines.map((line) => lineJson(line)),
    total: formatAmount(total),
    ...(roundingDifference.minor === 0n ? {} : { roundingDifference: formatAmount(roundingDifference) }),
    ...(balances.length === 0
      ? {}
      : {
          balances: balances.map(({ grant, used, left: rest }) => ({
            grant,
            used: formatAmount(used),
            left: formatAmount(rest),
          })),
        }),
    unpriced: [
      ...unpriced.usage.map(({ index, periods }) => ({
        pointer: `/usage/${index}`,
        meter: usage[index]!.meter,
        periods: periods.map((period) => periodJson(period)),
      })),
      ...left('series', unpriced.series, series),
      ...left('changes', unpriced.changes, changes),
    ],
  }
}

function lineJson(line: Line): JsonValue {
  const { rule, kind, pool, name, period, quantity, unit, exact, amount, trace } = line
  return {
    rule,
    kind,
    ...(pool === '' ? {} : { pool }),
    name,
    period: periodJson(period),
    ...(quantity === undefined ? {} : { quantity: quantityText(quantity) }),
    ...(unit === undefined ? {} : { unit }),
    exact: exactText(exact),
    amount: formatAmount(amount),
    trace: trace.map((step) => ({ ...step })),
  }
}

function periodJson({ from, to }: Period): JsonValue {
  return { from: formatInstant(from), to: formatInstant(to) }
}
