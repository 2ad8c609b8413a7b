import { clone, create } from '@bufbuild/protobuf'
import {
  type BilledLine,
  type Charge,
  ChargeSchema,
  TraceStepSchema,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { type Result, collect, ok } from '@vouch/proto/kernel/fault.ts'
import {
  type Money,
  formatAmount,
  majorAmount,
  money,
  parseAmount,
  subtractMoney,
  sumMoney,
} from '@vouch/proto/kernel/money.ts'
import { type Rational, ZERO, add, isZero, negate, subtract } from '@vouch/proto/kernel/rational.ts'
import { exactQuantityText, quantityText, readQuantity } from '../rule/quantity.ts'
import { exactText } from '../tariff/trace.ts'

/** What earlier documents billed under one line id. */
interface Earlier {
  readonly line: BilledLine
  readonly quantity: Rational
  readonly amount: Money
}

/**
 * What is due beyond what was billed: each charge less the lines of the same id before it, and the reverse of lines that there is
 * no charge for any more. Lines that come to nothing are left out. Faults: AMOUNT_SCALE, DECIMAL_INVALID.
 */
export function differences(
  charges: readonly Charge[],
  billed: readonly BilledLine[],
  currency: CurrencyCode,
): Result<Charge[]> {
  const earlier = earlierOf(billed, currency)
  if (!earlier.ok) return earlier
  const known = new Map(earlier.value.map((each) => [each.line.lineId, each]))
  const now = collect(charges.map((charge) => due(charge, known.get(charge.lineId), currency)))
  if (!now.ok) return now
  const ids = new Set(charges.map(({ lineId }) => lineId))
  const gone = earlier.value
    .filter(({ line }) => !ids.has(line.lineId))
    .map((each) => reversed(each, currency))
  return ok([...now.value, ...gone].filter((charge) => !isNothing(charge)))
}

/**
 * The charges, those of them that were billed in part as {@link differences} has them, and the reverse of lines that there is no charge for.
 * Faults: AMOUNT_SCALE, DECIMAL_INVALID.
 */
export function beyond(
  charges: readonly Charge[],
  billed: readonly BilledLine[],
  currency: CurrencyCode,
): Result<Charge[]> {
  const ids = new Set(billed.map(({ lineId }) => lineId))
  const touched = charges.filter(({ lineId }) => ids.has(lineId))
  const rest = differences(touched, billed, currency)
  if (!rest.ok) return rest
  const byId = new Map(rest.value.map((charge) => [charge.lineId, charge]))
  const known = new Set(charges.map(({ lineId }) => lineId))
  const own = charges.flatMap((charge) => {
    const left = ids.has(charge.lineId) ? byId.get(charge.lineId) : charge
    return left === undefined ? [] : [left]
  })
  return ok([...own, ...rest.value.filter(({ lineId }) => !known.has(lineId))])
}

function earlierOf(billed: readonly BilledLine[], currency: CurrencyCode): Result<Earlier[]> {
  return collect(
    [...Map.groupBy(billed, ({ lineId }) => lineId).values()].map((lines): Result<Earlier> => {
      const amounts = collect(lines.map(({ amount }) => parseAmount(amount, currency)))
      if (!amounts.ok) return amounts
      const quantities = collect(lines.map(quantityOf))
      if (!quantities.ok) return quantities
      const quantity = quantities.value.reduce((sum, each) => add(sum, each), ZERO)
      return ok({ line: lines[0]!, quantity, amount: sumMoney(amounts.value, currency) })
    }),
  )
}

function due(charge: Charge, before: Earlier | undefined, currency: CurrencyCode): Result<Charge> {
  const amount = parseAmount(charge.amount, currency)
  if (!amount.ok) return amount
  const quantity = quantityOf(charge)
  if (!quantity.ok) return quantity
  const billed = before ?? { quantity: ZERO, amount: money(0n, currency) }
  const rest = subtractMoney(amount.value, billed.amount)
  const message = clone(ChargeSchema, charge)
  if (charge.quantity !== '') {
    const left = subtract(quantity.value, billed.quantity)
    message.quantity = quantityText(left)
    message.exactQuantity = exactQuantityText(left)
  }
  message.amount = formatAmount(rest)
  message.exact = exactText(majorAmount(rest))
  message.kind = lateKind(charge.kind)
  message.trace.push(
    create(TraceStepSchema, {
      rule: restName(message.kind),
      input: `${charge.amount} - ${formatAmount(billed.amount)}`,
      output: message.amount,
    }),
  )
  return ok(message)
}

/** The reverse of a line that is due no more. */
function reversed({ line, quantity, amount }: Earlier, currency: CurrencyCode): Charge {
  const rest = subtractMoney(money(0n, currency), amount)
  const { lineId, itemId, ruleId, pool, description, period, unit, resource, meter, kind } = line
  return create(ChargeSchema, {
    lineId,
    itemId,
    ruleId,
    pool,
    description,
    ...(period === undefined ? {} : { period }),
    unit,
    resource,
    meter,
    currency,
    kind: lateKind(kind),
    quantity: line.quantity === '' ? '' : quantityText(negate(quantity)),
    exactQuantity: line.quantity === '' ? '' : exactQuantityText(negate(quantity)),
    amount: formatAmount(rest),
    exact: exactText(majorAmount(rest)),
    trace: [
      {
        rule: restName(lateKind(kind)),
        input: `nothing is due any more - ${formatAmount(amount)}`,
        output: formatAmount(rest),
      },
    ],
    coverage: {},
  })
}

/** Usage that is corrected is late; all else stays what it is, so that a credit given back is one. */
function lateKind(kind: string): string {
  return kind === 'usage' ? 'late-usage' : kind
}

/** Usage that became known since is billed as a correction of its own period. */
function restName(kind: string): string {
  return `${kind === 'late-usage' ? 'late usage own-period, ' : ''}less what was billed before`
}

function quantityOf({
  quantity,
  exactQuantity,
}: Pick<Charge, 'quantity' | 'exactQuantity'>): Result<Rational> {
  const value = readQuantity(quantity, exactQuantity)
  return value.ok ? ok(value.value ?? ZERO) : value
}

function isNothing(charge: Charge): boolean {
  const [amount, quantity] = [parseDecimal(charge.amount), quantityOf(charge)]
  return amount.ok && isZero(amount.value) && quantity.ok && isZero(quantity.value)
}
