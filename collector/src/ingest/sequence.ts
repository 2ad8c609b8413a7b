import type { Hex, Link } from '../ports.ts'

/** Where a batch claims to stand. */
export interface Claim extends Link {
  /** Digest of the batch before it; empty = the first of the agent's life. */
  readonly previous: Hex
}

/** What is known about the place that a batch claims. */
export interface Facts {
  /** Last batch of the run; undefined = the run is new. */
  readonly last: Link | undefined
  /** Digest already taken under the claimed sequence, where that is not beyond the last. */
  readonly taken: Hex | undefined
  /** Digest of a batch that already follows `previous`. */
  readonly successor: Hex | undefined
  /** For the first batch of a run: its `previous` is archived, or empty and the agent is new. */
  readonly rooted: boolean
}

/** What becomes of a batch. */
export type Verdict =
  | { readonly kind: 'next' }
  /** The very batch is there already: acknowledge it again. */
  | { readonly kind: 'duplicate' }
  /** A batch before it is missing: refuse, the agent sends from `expected`. */
  | { readonly kind: 'gap'; readonly expected: bigint }
  /** The end of the run before it is missing: refuse, the agent sends that run first. */
  | { readonly kind: 'unrooted' }
  /** Another batch stands in its place: a clone or a restored snapshot. */
  | { readonly kind: 'fork'; readonly other: Hex }
  /** It names another batch before it than the one that is there. */
  | { readonly kind: 'broken' }

/** Judges a batch's place in the chain. */
export function judge(claim: Claim, facts: Facts): Verdict {
  const { last, taken, successor } = facts
  if (last !== undefined && claim.sequence <= last.sequence) {
    if (taken === claim.digest) return { kind: 'duplicate' }
    return { kind: 'fork', other: taken ?? '' }
  }
  const expected = (last?.sequence ?? 0n) + 1n
  if (claim.sequence > expected) return { kind: 'gap', expected }
  if (successor !== undefined && successor !== claim.digest) return { kind: 'fork', other: successor }
  if (last !== undefined) return { kind: claim.previous === last.digest ? 'next' : 'broken' }
  if (facts.rooted) return { kind: 'next' }
  return { kind: claim.previous === '' ? 'broken' : 'unrooted' }
}
