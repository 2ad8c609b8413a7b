import { create, equals } from '@bufbuild/protobuf'
import { BilledLineSchema, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { BilledLine, Charge, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { isWindowName } from '@vouch/proto/kernel/window.ts'
import type { WindowName } from '@vouch/proto/kernel/window.ts'
import { exactOf, exactText } from './exact.ts'
import { periodOf } from './invoice.ts'

/** What a snapshot says of the windows that rules of its tariff count over, and of the term that it cuts short. */
export type Windows = Pick<Snapshot, 'windowBilled' | 'contract' | 'term'>

/** Over what rules of a tariff count, where that is longer than an invoice. */
export function windowsOf({ rules }: Pick<Tariff, 'rules'>): WindowName[] {
  return [...new Set(rules.map(({ window }) => window).filter(isWindowName))]
}

/** Whether what is due under a tariff depends on other documents, or on where the contract ends. */
export function dependsOnOthers(tariff: Pick<Tariff, 'rules'>): boolean {
  return windowsOf(tariff).length > 0 || tariff.rules.some(({ kind }) => kind === 'termination')
}

/** What a tariff promises or bounds over windows, in a text that is the same where that is. */
export function windowedBounds({ currency, rules }: Pick<Tariff, 'currency' | 'rules'>): string {
  const bounds = rules.filter(({ kind, window }) => kind !== 'usage' && isWindowName(window))
  return bounds.length === 0 ? '' : JSON.stringify([currency, bounds])
}

/**
 * The lines of earlier documents that begin in a period: for each period of lines, rule, pool and unit their sum, whatever the order in which they
 * were issued.
 */
export function sumLines(charges: readonly Charge[], within: Period, currency: CurrencyCode): BilledLine[] {
  const inside = charges.filter(({ period, ruleId }) => {
    const { from } = periodOf(period)
    return ruleId !== '' && contains(within, from)
  })
  const alike = Map.groupBy(inside, ({ period, ruleId, pool, unit }) =>
    JSON.stringify([Number(period!.fromMs), Number(period!.toMs), ruleId, pool, unit]),
  )
  return [...alike.values()].map((same) => sumOf(same, currency)).toSorted(inOrder)
}

/** Whether the same was known of windows. */
export function windowsAlike(a: Windows, b: Windows): boolean {
  return equals(SnapshotSchema, known(a), known(b))
}

/**
 * Whether a statement that was issued comes to the same by what is known of windows now: the same was billed before it, and it ends its
 * contract or does not, as before. An end that is set later is for the document that comes to it.
 */
export function countsAlike(now: Windows, issued: Snapshot): boolean {
  const isLast = ({ contract }: Windows): boolean =>
    contract !== undefined && periodOf(contract).to === periodOf(issued.inForce).to
  return (
    isLast(now) === isLast(issued) &&
    windowsAlike(
      { windowBilled: now.windowBilled, term: now.term },
      { windowBilled: issued.windowBilled, term: issued.term },
    )
  )
}

/** What is known of windows, as the members of a snapshot. */
function known({ windowBilled, contract, term }: Windows): Snapshot {
  return create(SnapshotSchema, {
    windowBilled,
    ...(contract === undefined ? {} : { contract }),
    ...(term === undefined ? {} : { term }),
  })
}

function sumOf(charges: readonly Charge[], currency: CurrencyCode): BilledLine {
  const { ruleId, pool, unit, period } = charges[0]!
  const quantities = charges.filter(({ quantity }) => quantity !== '')
  const quantity = quantities.reduce(
    (sum, each) => add(sum, exactOf(each.exactQuantity || each.quantity)),
    ZERO,
  )
  const text = exactText(quantity)
  const amount = sumMoney(
    charges.map((charge) => unwrap(parseAmount(charge.amount, currency))),
    currency,
  )
  return create(BilledLineSchema, {
    ruleId,
    pool,
    unit,
    ...(period === undefined ? {} : { period }),
    quantity: quantities.length === 0 || text.includes('/') ? '' : text,
    exactQuantity: text.includes('/') ? text : '',
    amount: formatAmount(amount),
  })
}

function inOrder(a: BilledLine, b: BilledLine): number {
  const [one, other] = [periodOf(a.period), periodOf(b.period)]
  return (
    one.from - other.from ||
    one.to - other.to ||
    compareText(a.ruleId, b.ruleId) ||
    compareText(a.pool, b.pool) ||
    compareText(a.unit, b.unit)
  )
}
