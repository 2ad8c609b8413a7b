import { minorUnits } from './currency.ts'
import type { CurrencyCode } from './currency.ts'
import { formatScaled, parseDecimal, powerOfTen } from './decimal.ts'
import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'
import { rational } from './rational.ts'
import type { Rational } from './rational.ts'
import type { Rounding } from './rounding.ts'

/** An amount in whole minor units (cents) of one currency. */
export interface Money {
  readonly minor: bigint
  readonly currency: CurrencyCode
}

/** The amount of `minor` minor units. */
export function money(minor: bigint, currency: CurrencyCode): Money {
  return { minor, currency }
}

/** Rounds an exact amount in major units (euros) to whole minor units (cents). */
export function roundToMoney(amount: Rational, currency: CurrencyCode, rounding: Rounding): Money {
  return money(rounding(amount.n * powerOfTen(minorUnits(currency)), amount.d), currency)
}

/** The exact amount in major units (euros). */
export function majorAmount(amount: Money): Rational {
  return rational(amount.minor, powerOfTen(minorUnits(amount.currency)))
}

/** a + b. Throws when the currencies differ. */
export function addMoney(a: Money, b: Money): Money {
  return money(a.minor + sameCurrency(a.currency, b).minor, a.currency)
}

/** a - b. Throws when the currencies differ. */
export function subtractMoney(a: Money, b: Money): Money {
  return money(a.minor - sameCurrency(a.currency, b).minor, a.currency)
}

/** The amount with the other sign. */
export function negateMoney(amount: Money): Money {
  return money(-amount.minor, amount.currency)
}

/** The sum, zero when there are no amounts. Throws when an amount has another currency. */
export function sumMoney(amounts: Iterable<Money>, currency: CurrencyCode): Money {
  let minor = 0n
  for (const amount of amounts) minor += sameCurrency(currency, amount).minor
  return money(minor, currency)
}

/** The decimal text in major units with all digits of the currency: "12.30", "-0.05", "323" for JPY. */
export function formatAmount(amount: Money): string {
  return formatScaled(amount.minor, minorUnits(amount.currency))
}

/**
 * Reads a decimal in major units, with as many decimals as the currency has or fewer.
 * Faults: DECIMAL_INVALID, AMOUNT_SCALE.
 */
export function parseAmount(text: string, currency: CurrencyCode): Result<Money> {
  const parsed = parseDecimal(text)
  if (!parsed.ok) return parsed
  const digits = minorUnits(currency)
  const decimals = text.includes('.') ? text.length - text.indexOf('.') - 1 : 0
  if (decimals > digits)
    return fail('AMOUNT_SCALE', `${currency} has ${digits} decimals; round the amount to it`)
  return ok(money((parsed.value.n * powerOfTen(digits)) / parsed.value.d, currency))
}

/** Two currencies in one sum are a broken invariant: inputs are checked where they enter. */
function sameCurrency(currency: CurrencyCode, amount: Money): Money {
  if (amount.currency !== currency) throw new TypeError(`cannot combine ${currency} with ${amount.currency}`)
  return amount
}
