import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import { money, parseAmount, subtractMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { parseInstant } from '@vouch/proto/kernel/period.ts'

/** A grant of a tariff, and what is left of it at an instant. */
export interface GrantBalance {
  readonly rule: string
  readonly grant: string
  readonly amount: Money
  /** By issued invoices. */
  readonly used: Money
  /** Not below zero. */
  readonly left: Money
  readonly fromMs: number | undefined
  readonly expiresMs: number | undefined
  /** What an invoice that is not issued yet may use of it. */
  readonly standing: 'to-come' | 'usable' | 'used-up' | 'expired'
}

/** When one looks at grants. */
export interface GrantsAt {
  readonly nowMs: number
  /** Where the next invoice begins: what expires later it may still use. */
  readonly openFromMs: number
}

/**
 * The grants of a tariff, in its order.
 *
 * @param used what is used of them, by grant.
 */
export function grantBalances(
  { currency: name, rules }: Pick<Tariff, 'currency' | 'rules'>,
  used: ReadonlyMap<string, string>,
  when: GrantsAt,
): GrantBalance[] {
  const currency = unwrap(parseCurrency(name))
  return rules
    .flatMap(({ id, kind, grants }) =>
      kind === 'credit' && Array.isArray(grants)
        ? grants.flatMap((grant) => (isJsonObject(grant) ? [{ rule: textOf(id), grant }] : []))
        : [],
    )
    .map(({ rule, grant: { id, amount: granted, from, expires } }) => {
      const grant = textOf(id)
      const amount = unwrap(parseAmount(textOf(granted), currency))
      const gone = unwrap(parseAmount(used.get(grant) ?? '0', currency))
      const rest = subtractMoney(amount, gone)
      const left = rest.minor < 0n ? money(0n, currency) : rest
      const span = { fromMs: instantOf(from), expiresMs: instantOf(expires) }
      return { rule, grant, amount, used: gone, left, ...span, standing: standingOf(left, span, when) }
    })
}

function standingOf(
  left: Money,
  { fromMs, expiresMs }: Pick<GrantBalance, 'fromMs' | 'expiresMs'>,
  { nowMs, openFromMs }: GrantsAt,
): GrantBalance['standing'] {
  if (left.minor === 0n) return 'used-up'
  if (expiresMs !== undefined && expiresMs <= openFromMs) return 'expired'
  return fromMs !== undefined && fromMs > nowMs ? 'to-come' : 'usable'
}

function instantOf(text: unknown): number | undefined {
  return text === undefined ? undefined : unwrap(parseInstant(textOf(text)))
}

/** A member that rating has checked to be text. */
function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`a grant has ${typeof value} where text stands`)
  return value
}
