import type { LineUsage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseAmount } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { borneBy, namesCostCentres } from '../attribution/borne.ts'
import type { Borne } from '../attribution/borne.ts'
import { divideLines } from '../attribution/division.ts'
import { cutAt } from '../attribution/stretches.ts'
import { looksOf, weightsOf } from '../attribution/usage-weights.ts'
import type { BorneOf, Look, UsedPart } from '../attribution/usage-weights.ts'
import { isUsage } from '../invoice/draft.ts'
import type { Rated } from '../invoice/draft.ts'
import { exactOf } from '../invoice/exact.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { AssignedResource, Rating } from '../ports.ts'
import { surroundingsOf } from './attributed.ts'
import type { Surroundings } from './attributed.ts'
import type { Sql } from './database.ts'
import { dividedLines } from './divisions.ts'
import { ruleSetsIn } from './rule-sets.ts'

/** What dividing works with. */
interface DivideContext {
  readonly sql: Sql
  readonly rating: Rating
}

/** Most stretches that rating is asked for at once. */
const LOOKS_MAX = 1000

/**
 * A statement with its charges divided over the cost centres of the account, by the rules of the statement's own time and the usage that each
 * line prices; as it is where no rule names one. Faults: those of rating.
 */
export async function divided(context: DivideContext, account: string, rated: Rated): Promise<Rated> {
  const { sql, rating } = context
  const { tariff, charges, statement } = rated
  const { snapshot, corrects } = statement
  const period = periodOf(snapshot.inForce)
  if (!namesCostCentres(await ruleSetsIn(sql, period), account)) return rated
  const usage = await rating.usageOfLines(tariff, snapshot)
  const resources = [...new Set(usage.flatMap(({ parts }) => parts.map(({ resource }) => resource)))]
  const borneOf = borneIn(await surroundingsOf(sql, resources, period), account)
  const parts = new Map(usage.map(({ lineId, parts: own }) => [lineId, partsOf(own)]))
  const looks = [...parts.values()].flatMap((own) => looksOf(own, borneOf))
  const measured = await measure(rating, period, snapshot.timeZone, looks)
  const currency = unwrap(parseCurrency(tariff.currency))
  const lines = charges.map(({ lineId, ruleId: rule, kind, amount }) => {
    const own = parts.get(lineId)
    return {
      lineId,
      rule,
      isUsage: isUsage(kind),
      amount: unwrap(parseAmount(amount, currency)),
      weights: own === undefined ? undefined : weightsOf(own, borneOf, measured),
    }
  })
  const before = corrects === undefined ? [] : await dividedLines(sql, corrects, currency)
  return { ...rated, costCentres: divideLines(lines, before, rulesOf(tariff)) }
}

function partsOf(parts: LineUsage['parts']): UsedPart[] {
  return parts.map(({ resource, meter, period, quantity, even }) => {
    return { resource, meter, period: periodOf(period), quantity: exactOf(quantity), even }
  })
}

/** Looks at each resource and stretch once. */
function borneIn({ world, holdings }: Surroundings, account: string): BorneOf {
  const known = new Map<string, readonly Borne[]>()
  return ({ resource, period }) => {
    const name = keyOf({ resource, meter: '', period })
    const found = known.get(name) ?? borneBy(world, account, resource, period, holdings)
    known.set(name, found)
    return found
  }
}

/** The rules whose lines a rule is about. */
function rulesOf({ rules }: Tariff): (rule: string) => readonly string[] | undefined {
  const named = new Map(
    rules.flatMap(({ id, of }) =>
      typeof id === 'string' && Array.isArray(of)
        ? [[id, of.filter((each) => typeof each === 'string')] as const]
        : [],
    ),
  )
  return (rule) => named.get(rule)
}

/**
 * What was measured in stretches that may lie over one another, of each resource: they are cut at all their ends, each of the pieces is
 * measured once, and a stretch is the sum of its pieces.
 */
async function measure(
  rating: Rating,
  period: Period,
  timeZone: string,
  looks: readonly Look[],
): Promise<(look: Look) => Rational> {
  const pieces = new Map<string, readonly Period[]>(
    [...Map.groupBy(looks, ({ resource }) => resource)].map(([resource, own]) => [
      resource,
      cutAt(
        period,
        own.flatMap((look) => [look.period.from, look.period.to]),
      ).filter((piece) => own.some((look) => isWithin(piece, look.period))),
    ]),
  )
  const assigned = [...pieces].flatMap(([resource, own]) =>
    own.map((piece): AssignedResource => ({ resource, period: piece, dimensions: {}, itself: true })),
  )
  const meters = [...new Set(looks.map(({ meter }) => meter))]
  const found = new Map<string, Rational>()
  for (let from = 0; from < assigned.length; from += LOOKS_MAX) {
    const some = assigned.slice(from, from + LOOKS_MAX)
    for (const row of await rating.series(period, timeZone, 'total', some, meters))
      found.set(keyOf({ ...row, period: periodOf(row.period) }), exactOf(row.quantity))
  }
  return ({ resource, meter, period: stretch }) =>
    (pieces.get(resource) ?? [])
      .filter((piece) => isWithin(piece, stretch))
      .map((piece) => found.get(keyOf({ resource, meter, period: piece })) ?? ZERO)
      .reduce(add, ZERO)
}

function isWithin(piece: Period, { from, to }: Period): boolean {
  return from <= piece.from && piece.to <= to
}

function keyOf({ resource, meter, period: { from, to } }: Look): string {
  return `${resource} ${meter} ${from} ${to}`
}
