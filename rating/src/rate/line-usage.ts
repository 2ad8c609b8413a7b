import { type Rational, add, multiply } from '@vouch/proto/kernel/rational.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Line, Usage } from '../rule/types.ts'
import type { SnapshotFacts } from './snapshot.ts'

/** What a metered resource used in a stretch that a line prices. */
export interface UsagePart {
  /** The metered one, which is the assigned one or lies below it. */
  readonly resource: string
  readonly meter: string
  readonly period: Period
  /** The payer's share of it, in the unit of the line; of what is ranked, in the unit of the meter. */
  readonly quantity: Rational
  /** Whether it was stated or estimated, so that it is even over the stretch. */
  readonly even: boolean
}

/** The usage that a line prices, before increments, rounding and allowances; none where it prices no usage. */
export interface LineUsage {
  readonly lineId: string
  /** In order of the snapshot; stretches of a resource that follow each other are one. */
  readonly parts: readonly UsagePart[]
}

/** The usage of each line; charges are those of the lines, in their order. */
export function lineUsages(
  lines: readonly Line[],
  charges: readonly Charge[],
  read: SnapshotFacts,
): LineUsage[] {
  return lines.flatMap((line, index) => {
    const usage = line.ranked === undefined ? pricedUsage(line, read) : rankedUsage(line, read)
    return usage.length === 0 ? [] : [{ lineId: charges[index]!.lineId, parts: joined(line, usage, read) }]
  })
}

function pricedUsage({ sources = [] }: Line, { facts }: SnapshotFacts): Usage[] {
  return sources.map((index) => facts.usage[index]!)
}

/** What the ports moved that were ranked. */
function rankedUsage({ ranked = [] }: Line, { facts, usageFrom, seriesFrom }: SnapshotFacts): Usage[] {
  const nameOf = (measurement: number, { dimensions }: Pick<Usage, 'dimensions'>): string =>
    `${measurement} ${dimensions['resource']}`
  const ports = new Set(ranked.map((index) => nameOf(seriesFrom[index]!, facts.series[index]!)))
  return facts.usage.filter(
    (usage) => usage.estimated === undefined && ports.has(nameOf(usageFrom[usage.index]!, usage)),
  )
}

function joined(line: Line, usage: readonly Usage[], { usageFrom }: SnapshotFacts): UsagePart[] {
  const parts: UsagePart[] = []
  let before: number | undefined
  for (const each of usage) {
    const quantity = inUnitOf(line, each)
    const last = parts.at(-1)
    const resource = each.dimensions['resource']!
    const even = each.stated !== undefined || each.estimated !== undefined
    const isSame = before === usageFrom[each.index] && last?.resource === resource && last.even === even
    if (last !== undefined && isSame && last.period.to === each.period.from)
      parts[parts.length - 1] = {
        ...last,
        period: { from: last.period.from, to: each.period.to },
        quantity: add(last.quantity, quantity),
      }
    else
      parts.push({
        resource,
        meter: each.meter,
        period: each.period,
        quantity,
        even,
      })
    before = usageFrom[each.index]
  }
  return parts
}

function inUnitOf({ unit }: Line, usage: Usage): Rational {
  const factor = conversion(usage.unit, unit ?? '1')
  return factor.ok ? multiply(usage.quantity, factor.value) : usage.quantity
}
