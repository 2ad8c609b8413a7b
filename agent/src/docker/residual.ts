/** What a residual goes on from after a restart; nanoseconds. */
export interface ResidualState {
  /** Path of the parent group. */
  readonly parent: string
  /** Changes whenever the parent's counter starts over. */
  readonly life: number
  readonly parentNs: bigint
  /** Whole milliseconds that children reported which have ended since the parent's counter began. */
  readonly endedMs: bigint
  /** The largest residual so far. */
  readonly residualMs: bigint
}

/** Registers of the group above the containers, milliseconds. */
export interface EngineCpu {
  readonly usedMs: bigint
  readonly unattributedMs: bigint
}

const NS_PER_MS = 1_000_000n

/** The residual of a parent never seen before. */
export function newResidual(parent: string): ResidualState {
  return { parent, life: 0, parentNs: 0n, endedMs: 0n, residualMs: 0n }
}

/**
 * One look: the parent, read before its living children. Children read later can only have more, so the residual never
 * exceeds the true one, and the true one never falls: what is taken as unattributed stays so. The residual is
 * taken in nanoseconds and rounded once; a child's fraction of a millisecond joins it when the child ends, so after
 * that containers + unattributed = parent, to the millisecond. A parent whose counter fell is another group.
 */
export function takeResidual(
  last: ResidualState,
  parentNs: bigint,
  livingNs: readonly bigint[],
): { readonly state: ResidualState; readonly cpu: EngineCpu } {
  const reset = parentNs < last.parentNs
  const endedMs = reset ? 0n : last.endedMs
  const living = livingNs.reduce((sum, each) => sum + each, 0n)
  const restNs = parentNs - living - endedMs * NS_PER_MS
  const floor = reset ? 0n : last.residualMs
  const rest = restNs < 0n ? 0n : restNs / NS_PER_MS
  const residualMs = rest > floor ? rest : floor
  const life = reset ? last.life + 1 : last.life
  const state = { parent: last.parent, life, parentNs, endedMs, residualMs }
  return { state, cpu: { usedMs: parentNs / NS_PER_MS, unattributedMs: residualMs } }
}

/** A child ended with this counter as last read. */
export function endChild(state: ResidualState, lastNs: bigint): ResidualState {
  return { ...state, endedMs: state.endedMs + lastNs / NS_PER_MS }
}

/**
 * The registers before any of the children that began under the agent's eyes, where the parent was first seen after
 * them: what it had then is at most what is left without them. `otherMs` is what all other children had.
 */
export function openingCpu(first: ResidualState, otherMs: bigint): EngineCpu {
  return { usedMs: first.residualMs + otherMs, unattributedMs: first.residualMs }
}
