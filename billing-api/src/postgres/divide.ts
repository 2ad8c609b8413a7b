import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseAmount } from '@vouch/proto/kernel/money.ts'
import { borneBy, namesCostCentres } from '../attribution/borne.ts'
import type { Borne } from '../attribution/borne.ts'
import { divideLines } from '../attribution/division.ts'
import { looksOf, weightsOf } from '../attribution/usage-weights.ts'
import type { BorneOf } from '../attribution/usage-weights.ts'
import { isUsage } from '../invoice/draft.ts'
import type { Rated } from '../invoice/draft.ts'
import { periodOf } from '../invoice/invoice.ts'
import { usedParts } from '../invoice/used-parts.ts'
import type { Rating } from '../ports.ts'
import { surroundingsOf } from './attributed.ts'
import type { Surroundings } from './attributed.ts'
import type { Sql } from './database.ts'
import { dividedLines } from './divisions.ts'
import { measureStretches } from './measure-stretches.ts'
import { ruleSetsIn } from './rule-sets.ts'

/** What dividing works with. */
interface DivideContext {
  readonly sql: Sql
  readonly rating: Rating
}

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
  const parts = new Map(usage.map(({ lineId, parts: own }) => [lineId, usedParts(own)]))
  const looks = [...parts.values()].flatMap((own) => looksOf(own, borneOf))
  const looking = { period, timeZone: snapshot.timeZone, grain: 'total' } as const
  const measured = await measureStretches(rating, looking, looks)
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

/** Looks at each resource and stretch once. */
function borneIn({ world, holdings }: Surroundings, account: string): BorneOf {
  const known = new Map<string, readonly Borne[]>()
  return ({ resource, period }) => {
    const name = `${resource} ${period.from} ${period.to}`
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
