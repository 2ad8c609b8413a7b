import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatInstant, intersect } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ONE, ZERO, add, divide, isZero, multiply } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import { cutByWindows } from '../tariff/calendar-windows.ts'
import type { Window } from '../tariff/calendar-windows.ts'
import { cutByGrain } from '@vouch/proto/kernel/calendar-steps.ts'
import type { Model } from '../tariff/model.ts'
import type { Entry } from './quantity.ts'
import { matches, within } from './select.ts'
import type { Dimensions, Scope, Usage, UsedPart } from './types.ts'
import type { UsageRule } from './usage.ts'
import { partsOf } from './whole.ts'

/** Which quantities are priced together: all, those of a resource, of an entry, or of a value of a dimension. */
export type Pool = 'contract' | 'resource' | 'entry' | { readonly dimension: string }

/** A price that depends on when, or on what: the model in it, for usage that a name stands for. */
export type PriceChoice =
  | { readonly by: 'nothing'; readonly model: Model }
  | {
      readonly by: 'window'
      readonly windows: readonly Window[]
      readonly models: Readonly<Record<string, Model>>
      readonly otherwise: string
    }
  | {
      readonly by: 'matrix'
      readonly rows: readonly { readonly when: Dimensions; readonly model: Model }[]
      /** For what no row matches; undefined = it stays without a price, and is reported. */
      readonly otherwise: Model | undefined
    }

/** A part of usage with the one price that it has. */
export interface Piece extends Entry {
  readonly model: Model
  /** Pool, and window or row: for people, and for machines, which must not take one for another. */
  readonly pool: string
  readonly key: string
  /** The window or row that chose the price, in words; empty = there is one price. */
  readonly choice: string
}

/** Usage in the billable unit, cut where the rule begins and ends, where the price changes, and by the rule's grain. */
export function piecesOf(rule: UsageRule, usage: Usage, scope: Scope): Result<Piece[]> {
  const pieces = pricedPieces(rule, usage, scope)
  const { grain } = rule
  if (!pieces.ok || grain === undefined) return pieces
  if (usage.items.length > 0) return uncut(rule)
  const isWhole = rule.quantity.aggregate !== 'sum'
  return ok(
    pieces.value.flatMap((piece) =>
      cutByGrain(piece.usage.period, grain, scope.terms.zone).map((part) => {
        const cut = within(piece.usage, part, isWhole)!
        const share = isZero(piece.usage.quantity) ? ONE : divide(cut.quantity, piece.usage.quantity)
        return { ...piece, usage: cut, quantity: multiply(piece.quantity, share) }
      }),
    ),
  )
}

function pricedPieces(rule: UsageRule, usage: Usage, { terms }: Scope): Result<Piece[]> {
  const factor = conversion(usage.unit, rule.unit)
  if (!factor.ok) return factor
  // What reaches beyond the document's period is not of it: the rest stays without a price, and is reported.
  const isLate = usage.period.to <= terms.period.from
  const isWhole = rule.quantity.aggregate !== 'sum'
  const known = isLate ? usage : within(usage, terms.period, isWhole)
  if (known === undefined) return ok([])
  const inForce = rule.effective === undefined ? known : within(known, rule.effective, isWhole)
  if (inForce === undefined) return ok([])
  if (usage.items.length > 0 && inForce !== usage) return uncut(rule)
  const piece = (
    part: Usage,
    model: Model,
    name: string,
    choice = '',
    row: number | string = name,
  ): Piece => ({
    usage: part,
    quantity: multiply(part.quantity, factor.value),
    model,
    pool: [poolOf(rule.per, usage), name].filter((text) => text !== '').join(' '),
    key: JSON.stringify([poolOf(rule.per, usage), row]),
    choice,
  })
  const { price } = rule
  if (price.by === 'nothing') return ok([piece(inForce, price.model, '')])
  if (price.by === 'matrix') {
    const index = price.rows.findIndex(({ when }) => matches(when, usage.dimensions))
    const row = price.rows[index]
    const model = row?.model ?? price.otherwise
    const name = row === undefined ? 'otherwise' : rowName(row.when)
    return ok(model === undefined ? [] : [piece(inForce, model, name, `matrix row ${name}`, index)])
  }
  const parts = cutByWindows(inForce.period, price.windows, price.otherwise, terms.zone)
  if (!parts.ok) return parts
  if (usage.items.length > 0 && parts.value.length > 1) return uncut(rule)
  return ok(
    parts.value.flatMap(({ period, window }) => {
      const part = within(inForce, period, isWhole)
      const model = price.models[window]
      return part === undefined || model === undefined
        ? []
        : [piece(part, model, window, `calendar window ${window}, ${terms.zone}`)]
    }),
  )
}

/** Single amounts have no instant, so nobody knows which of them lie where. */
function uncut(rule: UsageRule): Result<never> {
  const why = 'items cannot be split over the period, the effective dates or the windows'
  return fail('TARIFF_INVALID', `rule ${rule.id}: ${why}; give them apart`)
}

function rowName(when: Dimensions): string {
  return Object.entries(when)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}

/** What was measured has no place that other rules and later usage leave as it is, but a start. */
function entryName({ index, resource, dimensions, period, cutOf, entryFrom = period.from }: Usage): string {
  return cutOf === undefined
    ? `${index + 1} ${resource}`.trim()
    : `${dimensions['resource']} ${formatInstant(entryFrom)}`
}

function poolOf(per: Pool, usage: Usage): string {
  if (per === 'contract') return ''
  if (per === 'resource') return usage.resource
  if (per === 'entry') return entryName(usage)
  return Object.hasOwn(usage.dimensions, per.dimension) ? usage.dimensions[per.dimension]! : ''
}

/** Places of the usage, as it was measured, that pieces are of. */
export function sourcesOf(pieces: readonly Piece[]): number[] {
  const places = new Set(pieces.flatMap(({ usage }) => partsOf(usage).map(({ index }) => index)))
  return [...places].toSorted((a, b) => a - b)
}

/** What persons stated instead of what was measured, in the billable unit, for the trace. */
export function statedSteps({ unit }: UsageRule, pieces: readonly Piece[]): TraceStep[] {
  const stated = pieces.flatMap(({ usage }) => partsOf(usage).filter((part) => part.stated !== undefined))
  return [...Map.groupBy(stated, (part) => part.stated!.id).values()].map((own) => {
    const factor = conversion(own[0]!.unit, unit)
    const sum = own.reduce<Rational>((all, { quantity }) => add(all, quantity), ZERO)
    return {
      rule: 'usage replaced',
      input: `${own[0]!.stated!.id}: ${own[0]!.stated!.reason}`,
      output: factor.ok ? exactText(multiply(sum, factor.value)) : '',
    }
  })
}

/** The conversions to the billable unit, for the trace. */
export function converted({ unit }: UsageRule, pieces: readonly Piece[]): TraceStep[] {
  const units = new Set(pieces.map(({ usage }) => usage.unit))
  return [...units]
    .filter((from) => from !== unit)
    .map((from) => {
      const factor = conversion(from, unit)
      return {
        rule: `${from} to ${unit}`,
        input: 'each entry',
        output: factor.ok ? `× ${exactText(factor.value)}` : '',
      }
    })
}

/** The single amounts of a piece, in the billable unit; where it has none it is one. */
export function itemsOf({ usage: { unit, items }, quantity }: Piece, rule: UsageRule): readonly Rational[] {
  if (items.length === 0) return [quantity]
  const factor = conversion(unit, rule.unit)
  return factor.ok ? items.map((item) => multiply(item, factor.value)) : items
}

/** When how much was used; where nothing was, the time in which the rule is in force. */
export function usedParts(pieces: readonly Piece[], { effective }: UsageRule, period: Period): UsedPart[] {
  const idle = effective === undefined ? period : intersect(effective, period)
  return pieces.length === 0 && idle !== undefined
    ? [{ period: idle, quantity: ZERO }]
    : pieces.map(({ usage, quantity }) => ({ period: usage.period, quantity }))
}
