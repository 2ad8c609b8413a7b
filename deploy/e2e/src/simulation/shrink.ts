import { FAULT_KINDS, planOf } from './plan.ts'
import type { FaultKind } from './plan.ts'
import { simulate } from './simulate.ts'

/** Leaves out one kind of fault after another for as long as the seed still fails. */
export async function shrink(
  seed: number,
  without: ReadonlySet<FaultKind>,
): Promise<{ readonly needed: readonly FaultKind[]; readonly left: readonly FaultKind[] }> {
  let left = new Set(without)
  for (const kind of planOf(seed, without).faults) {
    const fewer = new Set([...left, kind])
    const { problems } = await simulate(planOf(seed, fewer))
    if (problems.length > 0) left = fewer
  }
  const { faults } = planOf(seed, left)
  return { needed: FAULT_KINDS.filter((kind) => faults.has(kind)), left: [...left] }
}
