import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { cutsOf } from './cuts.ts'
import type { Usage } from './types.ts'
import type { UsageRule } from './usage.ts'

/**
 * Usage without the cuts that other rules, corrections and gaps needed when it was measured: parts of one measurement are one entry
 * again, but where the rule itself cuts; what is estimated is an entry beside what was measured, of the same name. What a rule makes of its
 * entries then depends on nothing else. Faults: as of {@link cutsOf}.
 */
export function wholeFor(rule: UsageRule, usage: readonly Usage[], zone: string): Result<readonly Usage[]> {
  const parts = usage.filter(({ cutOf }) => cutOf !== undefined)
  if (parts.length === 0) return ok(usage)
  const from = parts.reduce((least, { period }) => Math.min(least, period.from), Infinity)
  const to = parts.reduce((most, { period }) => Math.max(most, period.to), -Infinity)
  const cuts = cutsOf(rule, { from, to }, zone)
  if (!cuts.ok) return cuts
  const own = [...new Set(cuts.value)].toSorted((a, b) => a - b)
  const entries = Map.groupBy(usage, (part, index) =>
    part.cutOf === undefined ? `${index}` : `${part.cutOf} from ${startOf(part.period.from, own)}`,
  )
  return ok([...entries.values()].flatMap(entriesOf))
}

/** The usage as it was measured. */
export function partsOf(usage: Usage): readonly Usage[] {
  return usage.parts ?? [usage]
}

/** Parts of one entry in one: those that were measured or stated, and those that are estimated, by method. */
function entriesOf(parts: readonly Usage[]): Usage[] {
  if (parts[0]!.cutOf === undefined) return [...parts]
  const entryFrom = Math.min(...parts.map(({ period }) => period.from))
  const alike = Map.groupBy(parts, ({ estimated }) => estimated?.method)
  return [...alike.values()].map((same) => ({ ...joined(same), entryFrom }))
}

/** Usage of one entry as one, whatever lies between its parts. */
export function joined(usages: readonly Usage[]): Usage {
  const parts = usages.flatMap(partsOf).toSorted((a, b) => a.period.from - b.period.from)
  const quantity = usages.reduce((sum, usage) => add(sum, usage.quantity), ZERO)
  const period = {
    from: parts[0]!.period.from,
    to: parts.reduce((latest, part) => Math.max(latest, part.period.to), 0),
  }
  return { ...usages[0]!, period, quantity, parts }
}

/** The last of the rule's own cuts at or before an instant; empty where there is none. */
function startOf(ms: number, ascending: readonly number[]): string {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! <= ms) low = middle + 1
    else high = middle
  }
  return low === 0 ? '' : `${ascending[low - 1]}`
}
