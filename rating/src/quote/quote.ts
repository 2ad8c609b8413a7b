import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Failure, Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { parseJson } from '@vouch/proto/kernel/json.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { evaluate } from '../rule/evaluate.ts'
import type { Evaluation } from '../rule/evaluate.ts'
import { quantityText } from '../rule/quantity.ts'
import type { Line, Terms } from '../rule/types.ts'
import { exactText } from '../tariff/trace.ts'
import { faultsBySchema } from './check.ts'
import { QuoteDocument } from './document.ts'
import type { Quote } from './document.ts'
import { readRules } from './parse-rules.ts'
import { Reader, readFacts, readTerms } from './parse.ts'

/** Characters of a document at most. */
const TEXT_MAX = 64 * 1024 * 1024

/**
 * Applies a contract to usage, both in one document: charges with their traces. The same document gives the same answer.
 * Faults: BODY_MALFORMED, BODY_TOO_LARGE; TARIFF_INVALID with every fault of the document in `causes`, each with its JSON pointer and code.
 */
export function quote(text: string): Result<JsonValue> {
  if (text.length > TEXT_MAX) return fail('BODY_MALFORMED', `a document has at most ${TEXT_MAX} characters`)
  const json = parseJson(text)
  if (!json.ok) return json
  const faults = faultsBySchema(QuoteDocument, json.value)
  if (faults.length > 0) return invalid(faults)
  // The schema has just accepted it.
  const document = json.value as unknown as Quote
  const reader = new Reader()
  const terms = readTerms(document, reader)
  const rules = readRules(document, terms, reader)
  const facts = readFacts(document, terms, rules, reader)
  document.rules.forEach((rule, index) => {
    if ('reviewBelow' in rule)
      reader.refuse(`/rules/${index}/reviewBelow`, 'a quote does not know what readings cover; a tariff does')
    if ('timing' in rule)
      reader.refuse(`/rules/${index}/timing`, 'a quote is one document: name the period that the fee is for')
  })
  if (reader.faults.length > 0) return invalid(reader.faults)
  const evaluated = evaluate(terms, rules, facts)
  return evaluated.ok ? ok(answer(document, terms, evaluated.value)) : evaluated
}

function invalid(causes: readonly Fault[]): Failure {
  const text = causes.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ')
  return fail('TARIFF_INVALID', text, { causes })
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
