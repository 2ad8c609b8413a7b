import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { formatAmount, majorAmount, money, roundToMoney, subtractMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { ZERO, add, compare, negate, subtract } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { ROUNDINGS } from '@vouch/proto/kernel/rounding.ts'
import { lineOf, linesOf, sumOf } from './lines.ts'
import type { Balance, Line, Outcome, Scope } from './types.ts'

/** A prepaid or promotional amount. */
export interface Grant {
  readonly id: string
  readonly amount: Money
  /** Smaller ones are used first. */
  readonly priority: number
  /** From when to when it may be used for usage of a period; undefined = without a bound. */
  readonly fromMs: number | undefined
  readonly expiresMs: number | undefined
}

/** Which of two grants is used first: that of the smaller priority, or that which expires first. The other one decides between equals, then the id. */
export const GRANT_ORDERS = ['priority', 'expiry'] as const

/** Grants that pay for lines before them. */
export interface CreditRule {
  readonly kind: 'credit'
  readonly id: string
  readonly name: string
  readonly of: readonly string[] | undefined
  readonly order: (typeof GRANT_ORDERS)[number]
  readonly grants: readonly Grant[]
}

/**
 * Uses grants in their order until the lines are paid or the grants are used up. A grant is
 * used that begins before the period ends and expires after it began: what expires earlier is lost, and its balance says so.
 */
export function applyCredit(rule: CreditRule, scope: Scope): Outcome {
  const { terms, facts } = scope
  const [own, all] = [sumOf(linesOf(scope, rule.of), terms), sumOf(scope.lines, terms)]
  // What other reductions have paid already is not due again.
  const sum = compare(own, all) < 0 ? own : all
  const due = roundToMoney(sum, terms.currency, ROUNDINGS[terms.rounding.mode])
  let left = due.minor > 0n ? due : money(0n, terms.currency)
  let paid = ZERO
  const lines: Line[] = []
  const balances: Balance[] = []
  for (const grant of rule.grants.toSorted(COMPARISONS[rule.order])) {
    const usable = (grant.fromMs ?? 0) < terms.period.to && (grant.expiresMs ?? Infinity) > terms.period.from
    const available = availableOf(grant, facts.used.get(grant.id))
    const used = usable ? lesser(available, left) : money(0n, terms.currency)
    balances.push({ grant: grant.id, used, left: subtractMoney(available, used) })
    if (used.minor === 0n) continue
    const before = left
    left = subtractMoney(left, used)
    const trace = [
      {
        rule: `grant ${grant.id}, ${namesOf(grant, rule.order)}`,
        input: `${formatAmount(before)} due, ${formatAmount(available)} ${available.minor === grant.amount.minor ? 'granted' : 'left'}`,
        output: formatAmount(used),
      },
    ]
    const draft = {
      rule: rule.id,
      kind: 'credit',
      pool: grant.id,
      name: rule.name,
      period: terms.period,
    } as const
    // Who pays what is left pays all of it, so that no fraction stays behind where the document alone is rounded.
    const exact = negate(left.minor === 0n ? subtract(sum, paid) : majorAmount(used))
    paid = add(paid, majorAmount(used))
    lines.push(lineOf({ ...draft, quantity: undefined, unit: undefined, exact, trace }, terms))
  }
  return { lines, balances }
}

/** What of a grant is not used up elsewhere. */
function availableOf({ amount }: Grant, used: Money | undefined): Money {
  if (used === undefined) return amount
  const left = subtractMoney(amount, used)
  return left.minor > 0n ? left : money(0n, amount.currency)
}

const COMPARISONS: Readonly<Record<CreditRule['order'], (a: Grant, b: Grant) => number>> = {
  priority: (a, b) => byPriority(a, b) || byExpiry(a, b) || compareText(a.id, b.id),
  expiry: (a, b) => byExpiry(a, b) || byPriority(a, b) || compareText(a.id, b.id),
}

function byPriority(a: Grant, b: Grant): number {
  return a.priority - b.priority
}

function byExpiry(a: Grant, b: Grant): number {
  const [first, second] = [a.expiresMs ?? Infinity, b.expiresMs ?? Infinity]
  if (first === second) return 0
  return first < second ? -1 : 1
}

/** What decides about its place, as the trace names it. */
function namesOf({ priority, expiresMs }: Grant, order: CreditRule['order']): string {
  const expiry = expiresMs === undefined ? 'without expiry' : `expires ${formatInstant(expiresMs)}`
  return order === 'priority' ? `priority ${priority}, ${expiry}` : `${expiry}, priority ${priority}`
}

function lesser(a: Money, b: Money): Money {
  return a.minor < b.minor ? a : b
}
