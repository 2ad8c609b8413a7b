import { collect, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { ZERO, add, subtract } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { exactText } from '../tariff/trace.ts'
import { lineOf } from './lines.ts'
import type { Draft } from './lines.ts'
import type { Piece } from './pieces.ts'
import type { Line, Terms, Usage } from './types.ts'
import { joined, partsOf } from './whole.ts'

/**
 * How usage that nobody measured is estimated: as much in the time as in the last hour before the gap that was measured from end to
 * end, or as in the last such hour with the same place in the local day.
 */
export const ESTIMATE_METHODS = ['last-known', 'same-hour'] as const

/** One of them. */
export type EstimateMethod = (typeof ESTIMATE_METHODS)[number]

/** How usage was estimated. */
export interface Estimated {
  readonly method: EstimateMethod
  /** Length of the whole gap, milliseconds. */
  readonly gapMs: number
}

/** What a rule takes in the place of what nobody measured. */
export interface EstimateRule {
  readonly method: EstimateMethod
  /** Gaps that are longer stay gaps, milliseconds. */
  readonly longestMs: number
}

/** Whether a rule is about usage as it was measured, or as it is estimated by the rule's own method. */
export function takesEstimate(rule: EstimateRule | undefined, { estimated }: Usage): boolean {
  if (estimated === undefined) return true
  return rule?.method === estimated.method && estimated.gapMs <= rule.longestMs
}

/**
 * A line for each pool of what is estimated: what all would come to, had it been measured, less what the measured part comes to.
 * So tiers, free quantities and minima are those of the whole, and the two lines sum to it.
 *
 * @param priced What pieces of one pool come to; undefined where the pool is empty and has no price.
 */
export function estimateLines(
  measured: readonly Piece[],
  estimated: readonly Piece[],
  priced: (pieces: readonly Piece[]) => Result<Draft | undefined>,
  terms: Terms,
): Result<Line[]> {
  const byKey = Map.groupBy(measured, ({ key }) => key)
  return collect(
    [...Map.groupBy(estimated, ({ key }) => key)].map(([key, own]): Result<Line> => {
      const before = priced(byKey.get(key) ?? [])
      if (!before.ok) return before
      const whole = priced(merged([...(byKey.get(key) ?? []), ...own]))
      if (!whole.ok) return whole
      return ok(estimateLine(own, whole.value!, before.value, terms))
    }),
  )
}

/** Pieces of one entry as one piece, as if all of it had been measured. */
function merged(pieces: readonly Piece[]): Piece[] {
  const entries = Map.groupBy(pieces, ({ usage: { cutOf, entryFrom } }, index) =>
    cutOf === undefined ? `${index}` : `${cutOf} from ${entryFrom}`,
  )
  return [...entries.values()].map((same) => ({
    ...same[0]!,
    usage: same.length === 1 ? same[0]!.usage : joined(same.map(({ usage }) => usage)),
    quantity: same.reduce<Rational>((sum, { quantity }) => add(sum, quantity), ZERO),
  }))
}

function estimateLine(own: readonly Piece[], whole: Draft, before: Draft | undefined, terms: Terms): Line {
  const quantity = subtract(whole.quantity ?? ZERO, before?.quantity ?? ZERO)
  const exact = subtract(whole.exact, before?.exact ?? ZERO)
  const resources = new Set(own.map(({ usage }) => usage.dimensions['resource'] ?? usage.resource))
  const parts = own.flatMap(({ usage }) => partsOf(usage))
  const ms = parts.reduce((sum, { period }) => sum + (period.to - period.from), 0)
  const trace = [
    {
      rule: `estimate ${own[0]!.usage.estimated!.method}`,
      input: `${ms} ms without a measurement, of ${resources.size} resources`,
      output: exactText(own.reduce<Rational>((sum, piece) => add(sum, piece.quantity), ZERO)),
    },
    ...whole.trace,
    {
      rule: 'less what was measured',
      input: `${exactText(whole.exact)} - ${exactText(before?.exact ?? ZERO)}`,
      output: exactText(exact),
    },
  ]
  const sources = parts.map(({ index }) => index).toSorted((a, b) => a - b)
  const used = whole.used && own.map((piece) => ({ period: piece.usage.period, quantity: piece.quantity }))
  return lineOf({ ...whole, kind: 'estimate', quantity, exact, sources, used, trace }, terms)
}
