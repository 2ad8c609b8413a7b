import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { RoundingName } from '@vouch/proto/kernel/rounding.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { SlotSeries } from '../usage/percentile.ts'
import type { Estimated } from './estimate.ts'

/** Names and values that usage is told apart by, such as region or class. */
export type Dimensions = Readonly<Record<string, string>>

/** What was used: an hour of a resource, a session, or a whole period. */
export interface Usage {
  /** Its place among the facts, from 0. */
  readonly index: number
  readonly meter: string
  readonly resource: string
  readonly dimensions: Dimensions
  readonly unit: UnitId
  readonly period: Period
  readonly quantity: Rational
  /** Chooses the tier of a volume price in the place of the quantity. */
  readonly chosenBy: Rational | undefined
  /** The single amounts that a percentage is taken of; empty = the quantity is one. */
  readonly items: readonly Rational[]
  /** Names what was cut into this and other parts when it was measured; absent = it was not. */
  readonly cutOf?: string | undefined
  /** Where the entry begins that its parts are of, measured and estimated. */
  readonly entryFrom?: number | undefined
  /** The facts that this one is joined of, in order of time; absent = itself. */
  readonly parts?: readonly Usage[] | undefined
  /** How it stands in for what nobody measured; absent = it was measured. */
  readonly estimated?: Estimated | undefined
  /** The correction by which a person stated it; absent = nobody did. */
  readonly stated?: { readonly id: string; readonly reason: string } | undefined
}

/** A change of a level, such as seats in use: the level is the sum of the changes so far. */
export interface LevelChange {
  readonly meter: string
  readonly resource: string
  readonly dimensions: Dimensions
  readonly atMs: number
  readonly change: Rational
}

/** Slots of equal length over the whole period, of one port and direction. */
export interface Series extends SlotSeries {
  /** Its place among the series, from 0. */
  readonly index: number
  readonly meter: string
  readonly dimensions: Dimensions
  /** Of its values. */
  readonly unit: UnitId
}

/** What an earlier document billed by a rule, for a window that this one continues. */
export interface Billed {
  readonly rule: string
  /** The pool, where the rule has several; empty = the whole contract. */
  readonly pool: string
  /** The period that it was for. */
  readonly period: Period
  readonly quantity: Rational | undefined
  /** Of the quantity; undefined = that of the rule. */
  readonly unit: UnitId | undefined
  readonly amount: Rational | undefined
}

/** How available a service was. */
export interface Availability {
  readonly service: string
  readonly expected: Rational
  readonly available: Rational
}

/** Everything that a contract is applied to. */
export interface Facts {
  readonly usage: readonly Usage[]
  readonly changes: readonly LevelChange[]
  readonly series: readonly Series[]
  readonly billed: readonly Billed[]
  /** What earlier documents billed, for rules that count over a window. */
  readonly earlier: readonly Billed[]
  readonly availability: readonly Availability[]
  /** What is used up of grants elsewhere, by the grant's id. */
  readonly used: ReadonlyMap<string, Money>
}

/** What holds for all rules of a contract. */
export interface Terms {
  readonly currency: CurrencyCode
  /** IANA: days and months are those of this zone. */
  readonly zone: string
  readonly period: Period
  /** The part of the period in which the rules are in force, unless they say otherwise. */
  readonly inForce: Period
  /** From where to where the contract runs; undefined = not known. */
  readonly contract: Period | undefined
  /** The term that was agreed, where the contract ends before it with the document; undefined = it does not. */
  readonly term: Period | undefined
  /** Where amounts are rounded: every line, or the total alone; and how. */
  readonly rounding: { readonly stage: 'line' | 'document'; readonly mode: RoundingName }
}

/** What a line is for. */
export type LineKind =
  | 'usage'
  | 'late-usage'
  | 'estimate'
  | 'fee'
  | 'termination'
  | 'minimum'
  | 'maximum'
  | 'true-up'
  | 'overage'
  | 'discount'
  | 'credit'
  | 'sla-credit'
  | 'rounding'

/** A part of a line's usage. */
export interface UsedPart {
  readonly period: Period
  /** In the billable unit, before increments and roundings. */
  readonly quantity: Rational
}

/** A line as it is computed. */
export interface Line {
  readonly rule: string
  readonly kind: LineKind
  /** Which of a rule's pools; empty = the whole contract. */
  readonly pool: string
  readonly name: string
  readonly period: Period
  readonly quantity: Rational | undefined
  readonly unit: UnitId | undefined
  /** Where one price holds for every unit. */
  readonly unitPrice?: Rational | undefined
  /** Places of the usage that it prices, ascending. */
  readonly sources?: readonly number[] | undefined
  /** Places of the series that it ranks, ascending. */
  readonly ranked?: readonly number[] | undefined
  /** When how much of it was used, in no order; absent where no later rule asks, and of what is no usage. */
  readonly used?: readonly UsedPart[] | undefined
  /** Before it is rounded to the currency. */
  readonly exact: Rational
  /** Rounded to the currency by the terms. */
  readonly amount: Money
  readonly trace: readonly TraceStep[]
}

/** What a grant still holds after the document. */
export interface Balance {
  readonly grant: string
  readonly used: Money
  readonly left: Money
}

/** What rules see: the terms, the facts, and the lines of the rules before them. */
export interface Scope {
  readonly terms: Terms
  readonly facts: Facts
  readonly lines: readonly Line[]
  /** Whether a later rule asks when the usage of lines was. */
  readonly isTimed: boolean
}

/** What a rule adds. */
export interface Outcome {
  readonly lines: readonly Line[]
  readonly balances?: readonly Balance[]
  /** Usage that it has priced, and for when. */
  readonly priced?: readonly { readonly usage: Usage; readonly period: Period }[]
  readonly pricedSeries?: readonly Series[]
  readonly pricedChanges?: readonly LevelChange[]
}
