import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Attributes, AttributeSet, Replacement } from '../attribution/attributes.ts'
import { ends } from './contracts.ts'
import type { Sql } from './database.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'

interface AttributeRow {
  readonly resource: string
  readonly attributes: Attributes
  readonly from: Date
  readonly to: Date | null
}

const COLUMNS = 'resource, attributes, lower(period) AS "from", upper(period) AS "to"'

/** The sets of these very resources, none above or below, that touch a period. */
export async function attributesOver(
  sql: Sql,
  resources: readonly string[],
  period: Period,
): Promise<AttributeSet[]> {
  const rows = await sql.rows<AttributeRow>(
    `SELECT ${COLUMNS} FROM billing.resource_attributes
     WHERE resource = ANY($1) AND period && tstzrange($2, $3) ORDER BY resource, period`,
    [resources, ...ends(period)],
  )
  return rows.map(attributeSetOf)
}

/** All sets of a resource, in order of time. */
export async function attributeHistory(sql: Sql, resource: string): Promise<AttributeSet[]> {
  const rows = await sql.rows<AttributeRow>(
    `SELECT ${COLUMNS} FROM billing.resource_attributes WHERE resource = $1 ORDER BY period`,
    [resource],
  )
  return rows.map(attributeSetOf)
}

/** A resource's sets in order of time. */
export async function listAttributes(
  sql: Sql,
  resource: string,
  { limit, after }: PageRequest,
): Promise<Page<AttributeSet>> {
  const rows = await sql.rows<AttributeRow>(
    `SELECT ${COLUMNS} FROM billing.resource_attributes
     WHERE resource = $1 AND ($2::timestamptz IS NULL OR lower(period) > $2) ORDER BY period LIMIT $3`,
    [resource, after, limit + 1],
  )
  return pageOf(rows, limit, (row) => formatInstant(row.from.getTime()), attributeSetOf)
}

/** Puts a set in place of the one before it. */
export async function replaceAttributes(
  sql: Sql,
  set: AttributeSet,
  { before }: Replacement,
  nowMs: number,
): Promise<void> {
  const from = formatInstant(set.period.from)
  if (before?.period.from === set.period.from) {
    await sql.rows('DELETE FROM billing.resource_attributes WHERE resource = $1 AND lower(period) = $2', [
      set.resource,
      from,
    ])
  } else if (before !== undefined) {
    await sql.rows(
      `UPDATE billing.resource_attributes SET period = tstzrange(lower(period), $2)
       WHERE resource = $1 AND period @> $2::timestamptz`,
      [set.resource, from],
    )
  }
  await sql.rows(
    `INSERT INTO billing.resource_attributes (resource, attributes, period, created_at)
     VALUES ($1, $2, tstzrange($3, $4), $5)`,
    [set.resource, JSON.stringify(set.attributes), ...ends(set.period), formatInstant(nowMs)],
  )
}

function attributeSetOf({ resource, attributes, from, to }: AttributeRow): AttributeSet {
  return { resource, attributes, period: { from: from.getTime(), to: to?.getTime() } }
}
