import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { cutsOf } from './cuts.ts'
import type { Usage } from './types.ts'
import type { UsageRule } from './usage.ts'

/**
 * Usage without the cuts that other rules needed when it was measured: parts that follow each other are one again, but where the
 * rule itself cuts. What a rule makes of its entries then depends on no other rule. Faults: as of {@link cutsOf}.
 */
export function wholeFor(rule: UsageRule, usage: readonly Usage[], zone: string): Result<readonly Usage[]> {
  const parts = usage.filter(({ cutOf }) => cutOf !== undefined)
  if (parts.length === 0) return ok(usage)
  const from = parts.reduce((least, { period }) => Math.min(least, period.from), Infinity)
  const to = parts.reduce((most, { period }) => Math.max(most, period.to), -Infinity)
  const cuts = cutsOf(rule, { from, to }, zone)
  if (!cuts.ok) return cuts
  const own = new Set(cuts.value)
  const groups: Usage[][] = []
  for (const part of usage) {
    const last = groups.at(-1)
    if (last !== undefined && follows(last.at(-1)!, part) && !own.has(part.period.from)) last.push(part)
    else groups.push([part])
  }
  return ok(groups.map(joined))
}

/** The usage as it was measured. */
export function partsOf(usage: Usage): readonly Usage[] {
  return usage.parts ?? [usage]
}

function follows(last: Usage, next: Usage): boolean {
  return next.cutOf !== undefined && last.cutOf === next.cutOf && last.period.to === next.period.from
}

function joined(parts: readonly Usage[]): Usage {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  if (first === last) return first
  const quantity = parts.reduce((sum, part) => add(sum, part.quantity), ZERO)
  return { ...first, period: { from: first.period.from, to: last.period.to }, quantity, parts }
}
