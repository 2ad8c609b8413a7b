import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { fromBinary } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import type { World } from '../attribution/attribute.ts'
import { attributedTo, unattributed } from '../attribution/attributed.ts'
import type { AttributedResource, Unattributed } from '../attribution/attributed.ts'
import { historyOf } from '../attribution/attributes.ts'
import type { ResourceLine } from '../attribution/preview.ts'
import type { Holdings } from '../attribution/stretches.ts'
import { periodOf } from '../invoice/invoice.ts'
import type { Rating } from '../ports.ts'
import { ends } from './contracts.ts'
import type { Sql } from './database.ts'
import type { Page, PageRequest } from './page.ts'
import { attributesOver } from './resource-attributes.ts'
import { correctionsIn } from './usage-corrections.ts'
import { ruleSetsIn } from './rule-sets.ts'

interface HoldingRow {
  readonly assignment_id: string
  readonly account_id: string
  readonly resource: string
  readonly from: Date
  readonly to: Date | null
}

interface LineRow {
  readonly account_id: string
  readonly currency: string
  readonly amount_minor: string
  readonly charge: Buffer
}

/** What attribution of some resources follows from. */
export interface Surroundings {
  readonly world: World
  readonly holdings: Holdings
}

/** Most resources that rating is asked for at once. */
export const RESOURCES_PAGE = 1000
/** How often rating is asked for one page of an answer. */
const PAGES_MAX = 10
/** Most resources of one account's period: they are looked at together. */
const RESOURCES_MAX = 100_000
/** Most lines of one preview. */
const LINES_MAX = 20_000

/** What the attribution of these resources over a period follows from: rules, attributes, and assignments of any account. */
export async function surroundingsOf(
  sql: Sql,
  resources: readonly string[],
  period: Period,
): Promise<Surroundings> {
  const paths = [...new Set(resources.flatMap(selfAndAncestors))]
  const ruleSets = await ruleSetsIn(sql, period)
  const attributes = historyOf(await attributesOver(sql, paths, period))
  return { world: { ruleSets, attributes }, holdings: await holdingsOver(sql, paths, period) }
}

/**
 * What the rules give to an account over a period: resources that measured in it, or whose usage was stated, the stretches, the account's share.
 * What an assignment of the resource or of one above it covers, of this account or another, is left out: it wins.
 * Faults: OUT_OF_RANGE where more resources measured than are looked at together, and what rating answers.
 */
export async function attributedAssignments(
  sql: Sql,
  rating: Pick<Rating, 'resources'>,
  account: string,
  period: Period,
): Promise<AttributedResource[]> {
  const entries = await correctionsIn(sql, period)
  const stated = entries.filter(({ kind }) => kind === 'replace').map(({ resource }) => resource)
  const resources = [...new Set([...(await allResources(rating, period)), ...stated])].toSorted(compareText)
  const { world, holdings } = await surroundingsOf(sql, resources, period)
  return attributedTo(world, account, period, resources, holdings)
}

/**
 * Resources that measured in a period and that nobody bears for all of it, in ascending order. One page asks rating
 * a bounded number of times, so it may have fewer than `limit` and yet a next one.
 */
export async function unattributedIn(
  sql: Sql,
  rating: Pick<Rating, 'resources'>,
  period: Period,
  { limit, after }: PageRequest,
): Promise<Page<Unattributed>> {
  const items: Unattributed[] = []
  let last = after
  for (let asked = 0; asked < PAGES_MAX; asked += 1) {
    const resources = await rating.resources(period, last, RESOURCES_PAGE)
    const { world, holdings } = await surroundingsOf(sql, resources, period)
    for (const resource of resources) {
      const found = unattributed(world, resource, period, holdings)
      if (found !== undefined && items.length === limit) return { items, next: last }
      if (found !== undefined) items.push(found)
      last = resource
    }
    if (resources.length < RESOURCES_PAGE) return { items, next: undefined }
  }
  return { items, next: last }
}

/** Lines of one resource, of drafts and issued invoices that touch a period. Faults: OUT_OF_RANGE. */
export async function resourceLinesIn(sql: Sql, period: Period): Promise<ResourceLine[]> {
  const rows = await sql.rows<LineRow>(
    `SELECT i.account_id, i.currency, l.amount_minor, l.charge
     FROM billing.invoices i JOIN billing.invoice_lines l USING (invoice_id)
     WHERE i.period && tstzrange($1, $2) ORDER BY invoice_id, l.line_number LIMIT $3`,
    [...ends(period), LINES_MAX + 1],
  )
  if (rows.length > LINES_MAX) {
    throwFault(
      'OUT_OF_RANGE',
      `invoices of the period have more than ${LINES_MAX} lines; ask for a shorter one`,
      {
        pointer: '/period',
      },
    )
  }
  return rows.flatMap(resourceLineOf)
}

async function holdingsOver(sql: Sql, paths: readonly string[], period: Period): Promise<Holdings> {
  const rows = await sql.rows<HoldingRow>(
    `SELECT assignment_id, account_id, resource, lower(period) AS "from", upper(period) AS "to"
     FROM billing.assignments WHERE resource = ANY($1) AND period && tstzrange($2, $3) ORDER BY resource, period`,
    [paths, ...ends(period)],
  )
  const holdings = rows.map(({ assignment_id: id, account_id: account, resource, from, to }) => ({
    id,
    account,
    resource,
    period: { from: from.getTime(), to: to?.getTime() },
  }))
  return Map.groupBy(holdings, ({ resource }) => resource)
}

async function allResources(rating: Pick<Rating, 'resources'>, period: Period): Promise<string[]> {
  const resources: string[] = []
  for (;;) {
    const page = await rating.resources(period, resources.at(-1), RESOURCES_PAGE)
    resources.push(...page)
    if (page.length < RESOURCES_PAGE) return resources
    if (resources.length > RESOURCES_MAX) {
      throwFault('OUT_OF_RANGE', `more than ${RESOURCES_MAX} resources measured; take a shorter period`)
    }
  }
}

/** Nothing for a line that is not of a single resource, such as a fee. */
function resourceLineOf({
  account_id: account,
  currency: code,
  amount_minor: minor,
  charge: bytes,
}: LineRow): ResourceLine[] {
  const { resource, period } = fromBinary(ChargeSchema, bytes)
  if (resource === '' || period === undefined) return []
  const currency = unwrap(parseCurrency(code))
  return [{ account, resource, period: periodOf(period), amount: money(BigInt(minor), currency) }]
}

/** Whether an account bears a resource for all of a period, by an assignment or by rules. */
export async function isBorne(sql: Sql, resource: string, period: Period): Promise<boolean> {
  const { world, holdings } = await surroundingsOf(sql, [resource], period)
  return unattributed(world, resource, period, holdings) === undefined
}
