import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { cutAt } from '../attribution/stretches.ts'
import type { Look } from '../attribution/usage-weights.ts'
import { exactOf } from '../invoice/exact.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { AssignedResource, Rating } from '../ports.ts'

/** Most stretches that rating is asked for at once. */
const LOOKS_MAX = 1000

/** What is looked at, and by which steps of the calendar. */
export interface Looking {
  readonly period: Period
  /** IANA. */
  readonly timeZone: string
  readonly grain: Parameters<Rating['series']>[2]
}

/**
 * What was measured in stretches that may lie over one another, of each resource: they are cut at all their ends, each of the pieces is
 * measured once, step by step, and a stretch or a step of it is the sum of what lies in it.
 */
export async function measureStretches(
  rating: Rating,
  { period, timeZone, grain }: Looking,
  looks: readonly Look[],
): Promise<(look: Look) => Rational> {
  const pieces = [...Map.groupBy(looks, ({ resource }) => resource)].flatMap(([resource, own]) =>
    cutAt(
      period,
      own.flatMap((look) => [look.period.from, look.period.to]),
    )
      .filter((piece) => own.some((look) => isWithin(piece, look.period)))
      .map((piece): AssignedResource => ({ resource, period: piece, dimensions: {}, itself: true })),
  )
  const meters = [...new Set(looks.map(({ meter }) => meter))]
  const found = new Map<string, { readonly period: Period; readonly quantity: Rational }[]>()
  for (let from = 0; from < pieces.length; from += LOOKS_MAX) {
    const some = pieces.slice(from, from + LOOKS_MAX)
    for (const row of await rating.series(period, timeZone, grain, some, meters)) {
      const name = `${row.resource} ${row.meter}`
      const known = found.get(name) ?? []
      if (known.length === 0) found.set(name, known)
      known.push({ period: periodOf(row.period), quantity: exactOf(row.quantity) })
    }
  }
  return ({ resource, meter, period: stretch }) =>
    (found.get(`${resource} ${meter}`) ?? [])
      .filter((row) => isWithin(row.period, stretch))
      .map(({ quantity }) => quantity)
      .reduce(add, ZERO)
}

function isWithin(piece: Period, { from, to }: Period): boolean {
  return from <= piece.from && piece.to <= to
}
