import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { Rating } from '../ports.ts'

type Measured = Awaited<ReturnType<Rating['meters']>>[number]

/** A meter that measures and that nobody pays for. */
export interface OrphanMeter extends Measured {
  /** No tariff's newest version prices it, or none that a contract is under. */
  readonly reason: 'no-tariff' | 'no-contract'
}

/** An item of the catalogue that brings nothing. */
export interface OrphanItem {
  readonly item: string
  readonly name: string
  readonly meter: string
  /** No tariff's newest version sells it, none that a contract is under, or nothing measured what it bills. */
  readonly reason: 'no-tariff' | 'no-contract' | 'not-measured'
}

/** What is known of a period. */
export interface Sold {
  /** Newest versions. */
  readonly items: readonly Item[]
  /** Newest versions. */
  readonly tariffs: readonly Tariff[]
  /** Those that contracts of the period are under, in whatever version. */
  readonly agreed: readonly Tariff[]
  readonly measured: readonly Measured[]
}

/** Meters without a price and items without a meter, each in the order given. */
export function orphansOf({ items, tariffs, agreed, measured }: Sold): {
  readonly meters: readonly OrphanMeter[]
  readonly items: readonly OrphanItem[]
} {
  const priced = { ever: metersOf(tariffs), now: metersOf(agreed) }
  const sold = { ever: itemsOf(tariffs), now: itemsOf(agreed) }
  const active = new Set(measured.map(({ meter }) => meter))
  return {
    meters: measured
      .filter(({ meter }) => !priced.now.has(meter))
      .map(({ meter, unit, resources }) => {
        return { meter, unit, resources, reason: priced.ever.has(meter) ? 'no-contract' : 'no-tariff' }
      }),
    items: items.flatMap(({ itemId: item, name, meter }): OrphanItem[] => {
      const orphan = { item, name, meter }
      const meters = sold.now.get(item)
      if (meters === undefined)
        return [{ ...orphan, reason: sold.ever.has(item) ? 'no-contract' : 'no-tariff' }]
      return meters.isDisjointFrom(active) ? [{ ...orphan, reason: 'not-measured' }] : []
    }),
  }
}

/** What the rules of tariffs price, by item or by name. */
function metersOf(tariffs: readonly Tariff[]): Set<string> {
  return new Set([
    ...tariffs.flatMap(({ items }) => items.map(({ meter }) => meter)),
    ...tariffs.flatMap(({ rules }) => rules.flatMap(({ select }) => namesIn(select))),
  ])
}

/** Meters that items of tariffs bill, by item: versions of one may bill several. */
function itemsOf(tariffs: readonly Tariff[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const { itemId, meter } of tariffs.flatMap(({ items }) => items))
    found.getOrInsertComputed(itemId, () => new Set()).add(meter)
  return found
}

/** Names under `meters` in the `select` of a rule. */
function namesIn(select: Tariff['rules'][number][string] | undefined): string[] {
  if (select === undefined || !isJsonObject(select)) return []
  const { meters } = select
  return Array.isArray(meters) ? meters.filter((name) => typeof name === 'string') : []
}
