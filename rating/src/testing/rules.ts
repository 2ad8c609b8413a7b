import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseInstant } from '@vouch/proto/kernel/instant.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { type Rational, parseFraction } from '@vouch/proto/kernel/rational.ts'
import { lineOf } from '../rule/lines.ts'
import type { Billed, Facts, Line, LineKind, Outcome, Scope, Terms } from '../rule/types.ts'
import type { Tier } from '../tariff/tiers.ts'
import { type TraceStep, exactText } from '../tariff/trace.ts'

/** A row of tiers: an empty end is none, what is left out is 0. */
export type Row = readonly [upTo: string, unitPrice: string, flat?: string, percent?: string]

/** 1 with so many zeros, and the digits after them in their place. */
export const huge = (zeros: number, digits = ''): string => `1${digits.padStart(zeros, '0')}`
/** A number of an exact text: "0.1" or "1/3". Throws a FaultError. */
export const exact = (text: string): Rational =>
  unwrap((text.includes('.') ? parseDecimal : parseFraction)(text))
/** Tiers of rows. */
export const tiersOf = (rows: readonly Row[]): Tier[] =>
  rows.map(([upTo, unitPrice, flat = '0', percent = '0']) => ({
    upTo: upTo === '' ? undefined : exact(upTo),
    unitPrice: exact(unitPrice),
    flat: exact(flat),
    percent: exact(percent),
  }))
/** The rules that a trace names. */
export const named = (trace: readonly TraceStep[]): string[] => trace.map(({ rule }) => rule)

/** The instant of a text, in UTC; a date is its midnight. */
export const at = (text: string): number =>
  unwrap(parseInstant(text.includes('T') ? `${text}Z` : `${text}T00:00:00Z`))
/** From one to the other. */
export const between = (from: string, to: string): Period => ({ from: at(from), to: at(to) })
/** A month of 31 days. */
export const MARCH = between('2026-03-01', '2026-04-01')
/** Euros in March, each line rounded. */
export const TERMS: Terms = {
  currency: 'EUR',
  zone: 'UTC',
  period: MARCH,
  inForce: MARCH,
  contract: undefined,
  term: undefined,
  rounding: { stage: 'line', mode: 'half-even' },
}
/** The same, where the total alone is rounded. */
export const UNROUNDED: Terms = { ...TERMS, rounding: { stage: 'document', mode: 'half-even' } }

/** A line of a rule before; a name such as "promo:discount" says its kind, which is else usage. */
export const line = ([name, amount]: readonly [name: string, amount: string], terms = TERMS): Line => {
  const [rule = '', kind = 'usage'] = name.split(':')
  const draft = { rule, kind: kind as LineKind, pool: '', name: rule, period: terms.period, trace: [] }
  return lineOf({ ...draft, quantity: undefined, unit: undefined, exact: exact(amount) }, terms)
}
/** What an earlier document billed by a rule. */
export const billed = (rule: string, amount: string, period: Period): Billed => ({
  rule,
  pool: '',
  period,
  quantity: undefined,
  unit: undefined,
  amount: exact(amount),
})
/** Lines before a rule, as name and amount, under terms and with facts. */
export const scopeOf = (
  lines: readonly (readonly [name: string, amount: string])[],
  { terms = TERMS, ...facts }: Partial<Facts> & { readonly terms?: Terms } = {},
): Scope => ({
  terms,
  facts: {
    usage: [],
    changes: [],
    series: [],
    billed: [],
    earlier: [],
    availability: [],
    used: new Map(),
    ...facts,
  },
  lines: lines.map((each) => line(each, terms)),
  isTimed: true,
})
/** Kinds of an outcome's lines with their exact amounts. */
export const linesIn = ({ lines }: Outcome): string[] =>
  lines.map(({ kind, exact: amount }) => `${kind} ${exactText(amount)}`)
