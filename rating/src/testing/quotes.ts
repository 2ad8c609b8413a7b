import { quoteAnswer } from '../quote/print.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { quote } from '../quote/quote.ts'

/** What a quote answers. */
export interface Answer {
  readonly total: string
  readonly lines: readonly {
    readonly rule: string
    readonly kind: string
    readonly pool?: string
    readonly quantity?: string
    readonly exact: string
    readonly amount: string
    readonly trace: readonly { readonly rule: string; readonly input: string; readonly output: string }[]
  }[]
  readonly balances?: readonly { readonly grant: string; readonly used: string; readonly left: string }[]
  readonly unpriced: readonly { readonly pointer: string }[]
}

/** A month of 31 days. */
export const MARCH = { from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' }
/** The answer for March in euros, where the document says nothing else. Throws a FaultError. */
export const ask = (document: object): Answer =>
  unwrap(quote(JSON.stringify({ currency: 'EUR', period: MARCH, ...document }))) as unknown as Answer
/** The rounded amounts of its lines. */
export const amounts = (document: object): string[] => ask(document).lines.map(({ amount }) => amount)
/** An entry of usage. */
export const units = (quantity: string, more: object = {}): object => ({
  meter: 'app.units',
  quantity,
  ...more,
})
/** Selects it. */
export const select = { meters: ['app.units'] }
/** A price of one. */
export const per = (unitPrice: string): object => ({ model: 'per-unit', unitPrice })
/** A rule that prices it. */
export const use = (price: object, more: object = {}): object => ({
  kind: 'usage',
  id: 'use',
  select,
  price,
  ...more,
})
/** A tiered price. */
export const tiers = (
  model: string,
  rows: readonly (readonly [upTo: string, unitPrice: string, flat?: string])[],
  more: object = {},
): object => ({
  model,
  tiers: rows.map(([upTo, unitPrice, flat]) => ({
    ...(upTo === '' ? {} : { upTo }),
    unitPrice,
    ...(flat === undefined ? {} : { flat }),
  })),
  ...more,
})
/** From midnight to midnight, UTC. */
export const period = (from: string, to: string): object => ({
  from: `${from}T00:00:00Z`,
  to: `${to}T00:00:00Z`,
})

/** Rules of March in euros, with more members. */
export const document = (rules: readonly object[], more: object = {}): object => ({
  currency: 'EUR',
  period: MARCH,
  rules,
  ...more,
})

interface Said {
  readonly code: string
  readonly pointer?: string
  readonly causes?: readonly Said[]
}

/** Pointers and codes of the faults of a document, or of a text that is none; throws where it has none. */
export const faultsOf = (given: unknown): string[] => {
  const { text, isFault } = quoteAnswer(typeof given === 'string' ? given : JSON.stringify(given))
  if (!isFault) throw new Error(`no fault: ${text}`)
  const { fault } = JSON.parse(text) as { fault: Said }
  return (fault.causes ?? [fault]).map(({ code, pointer = '' }) => `${pointer} ${code}`)
}
