import { create } from '@bufbuild/protobuf'
import { ItemSchema, TariffSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Item, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sql } from './database.ts'

interface ItemRow {
  readonly item_id: string
  readonly version: number
  readonly name: string
  readonly meter: string
  readonly unit: string
  readonly rounding_mode: string
  readonly rounding_scale: number
  readonly threshold_quantity: string | null
  readonly threshold_at: string | null
  readonly increment_size: string | null
  readonly increment_minimum: string | null
  readonly increment_at: string | null
}

interface TariffRow {
  readonly tariff_id: string
  readonly version: number
  readonly currency: string
  readonly amount_rounding: string
  readonly rounding_stage: string
}

interface TariffItemRow extends ItemRow {
  readonly tariff_id: string
  readonly tariff_version: number
}

interface RuleRow {
  readonly tariff_id: string
  readonly tariff_version: number
  readonly rule: string
}

/** A version of something. */
export interface VersionId {
  readonly id: string
  /** Counts from 1; absent = the newest. */
  readonly version?: number | undefined
}

const ITEM_COLUMNS = `i.item_id, i.version, i.name, i.meter, i.unit, i.rounding_mode, i.rounding_scale,
  i.threshold_quantity, i.threshold_at, i.increment_size, i.increment_minimum, i.increment_at`
const TARIFF_COLUMNS = 'tariff_id, version, currency, amount_rounding, rounding_stage'

/** The number that a new version of the item takes; writers of one item take turns until their transaction ends. */
export async function nextItemVersion(sql: Sql, id: string): Promise<number> {
  return nextVersion(sql, 'items', 'item_id', id)
}

/** As {@link nextItemVersion}, for a tariff. */
export async function nextTariffVersion(sql: Sql, id: string): Promise<number> {
  return nextVersion(sql, 'tariffs', 'tariff_id', id)
}

/** Adds a version of an item. */
export async function insertItem(sql: Sql, item: Item, nowMs: number): Promise<void> {
  await sql.rows(
    `INSERT INTO billing.items (item_id, version, name, meter, unit, rounding_mode, rounding_scale, created_at,
       threshold_quantity, threshold_at, increment_size, increment_minimum, increment_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      item.itemId,
      item.version,
      item.name,
      item.meter,
      item.unit,
      item.quantityRounding?.mode,
      item.quantityRounding?.scale,
      formatInstant(nowMs),
      item.threshold?.quantity,
      item.threshold?.at,
      item.increment?.size,
      item.increment?.minimum,
      item.increment?.at,
    ],
  )
}

/** A version of an item. */
export async function findItem(sql: Sql, { id, version }: VersionId): Promise<Item | undefined> {
  const [row] = await sql.rows<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM billing.items i WHERE item_id = $1 AND version = coalesce($2, version)
     ORDER BY version DESC LIMIT 1`,
    [id, version],
  )
  return row === undefined ? undefined : itemOf(row)
}

/** The newest version of each item, by id. */
export async function listItems(sql: Sql, { limit, after }: PageRequest): Promise<Page<Item>> {
  const rows = await sql.rows<ItemRow>(
    `SELECT DISTINCT ON (item_id) ${ITEM_COLUMNS} FROM billing.items i WHERE item_id > coalesce($1, '')
     ORDER BY item_id, version DESC LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.item_id, itemOf)
}

/** Publishes a version of a tariff. */
export async function insertTariff(sql: Sql, tariff: Tariff, nowMs: number): Promise<void> {
  const { tariffId, version, currency, amountRounding, roundingStage, rules, items } = tariff
  await sql.rows(
    `INSERT INTO billing.tariffs (tariff_id, version, currency, amount_rounding, rounding_stage, published_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [tariffId, version, currency, amountRounding, roundingStage, formatInstant(nowMs)],
  )
  await sql.rows(
    `INSERT INTO billing.tariff_items (tariff_id, tariff_version, ordinal, item_id, item_version)
     SELECT $1, $2, i.* FROM unnest($3::int[], $4::text[], $5::int[]) AS i`,
    [
      tariffId,
      version,
      items.map((_, index) => index),
      items.map(({ itemId }) => itemId),
      items.map((item) => item.version),
    ],
  )
  await sql.rows(
    `INSERT INTO billing.tariff_rules (tariff_id, tariff_version, ordinal, rule)
     SELECT $1, $2, r.* FROM unnest($3::int[], $4::text[]) AS r`,
    [tariffId, version, rules.map((_, index) => index), rules.map((rule) => JSON.stringify(rule))],
  )
}

/** A version of a tariff with its items. */
export async function findTariff(sql: Sql, { id, version }: VersionId): Promise<Tariff | undefined> {
  const rows = await sql.rows<TariffRow>(
    `SELECT ${TARIFF_COLUMNS} FROM billing.tariffs WHERE tariff_id = $1 AND version = coalesce($2, version)
     ORDER BY version DESC LIMIT 1`,
    [id, version],
  )
  const [tariff] = await whole(sql, rows)
  return tariff
}

/** The tariff that a contract or a statement names: versions are kept for ever. */
export async function tariffOf(
  sql: Sql,
  { tariff: id, tariffVersion: version }: { readonly tariff: string; readonly tariffVersion: number },
): Promise<Tariff> {
  const tariff = await findTariff(sql, { id, version })
  if (tariff === undefined) throw new Error(`version ${version} of tariff ${id} is gone`)
  return tariff
}

/** The versions of tariffs that contracts are under in a period. */
export async function tariffsAgreedIn(sql: Sql, period: Period): Promise<Tariff[]> {
  const rows = await sql.rows<TariffRow>(
    `SELECT ${TARIFF_COLUMNS} FROM billing.tariffs WHERE (tariff_id, version) IN (
       SELECT tariff_id, tariff_version FROM billing.contracts WHERE period && tstzrange($1, $2))
     ORDER BY tariff_id, version`,
    [formatInstant(period.from), formatInstant(period.to)],
  )
  return whole(sql, rows)
}

/** The newest version of each tariff, by id. */
export async function listTariffs(sql: Sql, { limit, after }: PageRequest): Promise<Page<Tariff>> {
  const rows = await sql.rows<TariffRow>(
    `SELECT DISTINCT ON (tariff_id) ${TARIFF_COLUMNS} FROM billing.tariffs WHERE tariff_id > coalesce($1, '')
     ORDER BY tariff_id, version DESC LIMIT $2`,
    [after, limit + 1],
  )
  const tariffs = await whole(sql, rows)
  return pageOf(
    tariffs,
    limit,
    ({ tariffId }) => tariffId,
    (tariff) => tariff,
  )
}

/** The tariffs with their items and rules. */
async function whole(sql: Sql, tariffs: readonly TariffRow[]): Promise<Tariff[]> {
  const versions = [tariffs.map(({ tariff_id: id }) => id), tariffs.map(({ version }) => version)]
  const items = await sql.rows<TariffItemRow>(
    `SELECT t.tariff_id, t.tariff_version, ${ITEM_COLUMNS}
     FROM billing.tariff_items t JOIN billing.items i ON (i.item_id, i.version) = (t.item_id, t.item_version)
     WHERE (t.tariff_id, t.tariff_version) IN (SELECT * FROM unnest($1::text[], $2::int[])) ORDER BY t.ordinal`,
    versions,
  )
  const rules = await sql.rows<RuleRow>(
    `SELECT tariff_id, tariff_version, rule FROM billing.tariff_rules
     WHERE (tariff_id, tariff_version) IN (SELECT * FROM unnest($1::text[], $2::int[])) ORDER BY ordinal`,
    versions,
  )
  return tariffs.map((tariff) => {
    const isOf = (row: TariffItemRow | RuleRow): boolean =>
      row.tariff_id === tariff.tariff_id && row.tariff_version === tariff.version
    return create(TariffSchema, {
      tariffId: tariff.tariff_id,
      version: tariff.version,
      currency: tariff.currency,
      amountRounding: tariff.amount_rounding,
      roundingStage: tariff.rounding_stage,
      rules: rules.filter(isOf).map(({ rule }) => JSON.parse(rule) as Tariff['rules'][number]),
      items: items.filter(isOf).map(itemOf),
    })
  })
}

function itemOf(row: ItemRow): Item {
  return create(ItemSchema, {
    itemId: row.item_id,
    version: row.version,
    name: row.name,
    meter: row.meter,
    unit: row.unit,
    quantityRounding: { mode: row.rounding_mode, scale: row.rounding_scale },
    ...(row.threshold_quantity === null
      ? {}
      : { threshold: { quantity: row.threshold_quantity, at: row.threshold_at ?? '' } }),
    ...(row.increment_size === null
      ? {}
      : {
          increment: {
            size: row.increment_size,
            minimum: row.increment_minimum ?? '',
            at: row.increment_at ?? '',
          },
        }),
  })
}

async function nextVersion(sql: Sql, table: string, column: string, id: string): Promise<number> {
  await sql.rows('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`billing.${table}:${id}`])
  const [row] = await sql.rows<{ next: number }>(
    `SELECT coalesce(max(version), 0) + 1 AS next FROM billing.${table} WHERE ${column} = $1`,
    [id],
  )
  return row?.next ?? 1
}

/** The units in which the newest versions of items sell a meter. */
export async function unitsSold(sql: Sql, meter: string): Promise<string[]> {
  const rows = await sql.rows<{ unit: string }>(
    `SELECT DISTINCT unit FROM billing.items i WHERE meter = $1 AND version = (
       SELECT max(version) FROM billing.items WHERE item_id = i.item_id)`,
    [meter],
  )
  return rows.map(({ unit }) => unit)
}
