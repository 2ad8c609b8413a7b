import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Logger } from '../ports.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import { AGE_COLUMN, RETAINED_TABLES, daysByClass, ttlOf } from '../retention/ttl.ts'
import type { RetainedTable } from '../retention/ttl.ts'
import { storeFault } from './fault.ts'
import { insertSettings, localTable } from './topology.ts'
import type { Topology } from './topology.ts'

/** Where the tables are. */
export interface StorePlace {
  readonly database: string
  readonly topology: Topology
}

/** How a table is kept, in the engine's own spelling. */
export interface TableRetention {
  /** The TTL clause; empty = rows stay. */
  readonly ttl: string
  readonly storagePolicy: string
}

/** Rows of a class in a table. */
export interface StoredRows {
  readonly table: RetainedTable
  /** Class of meter; empty = not by class. */
  readonly class: string
  readonly rows: bigint
  /** On disk, compressed; of a class its share by rows. */
  readonly bytes: bigint
  /** RFC 3339; empty = no row. */
  readonly oldest: string
}

/** What the engine has in force, and what the policy means in its spelling. */
export interface RetentionState {
  readonly table: RetainedTable
  readonly wanted: TableRetention
  readonly inForce: TableRetention
}

/**
 * Brings the tables to a policy. Alters only what differs from what is in force, so that many
 * collectors with one policy do nothing; where another was in force the log says so.
 * Gives the tables that changed. Faults: STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL.
 */
export async function applyRetention(
  client: ClickHouseClient,
  place: StorePlace,
  policy: RetentionPolicy,
  logger: Logger,
): Promise<Result<readonly RetainedTable[]>> {
  try {
    const states = await retentionStates(client, place, policy)
    const different = states.filter(({ wanted, inForce }) => !isSame(wanted, inForce))
    if (different.length === 0) return ok([])
    // Before and after: in between either policy may delete, and what may be gone must be known.
    await record(client, place, policy, false)
    for (const state of different) {
      const context = { table: state.table, was: state.inForce.ttl, now: state.wanted.ttl }
      if (state.inForce.ttl === '') logger.info(context, 'retention set')
      else logger.warn(context, 'retention changed; all collectors of a database must have the same settings')
      await change(client, place, state)
    }
    await record(client, place, policy, true)
    return ok(different.map(({ table }) => table))
  } catch (error) {
    return storeFault(error)
  }
}

function isSame(a: TableRetention, b: TableRetention): boolean {
  return a.ttl === b.ttl && a.storagePolicy === b.storagePolicy
}

async function change(
  client: ClickHouseClient,
  { database, topology }: StorePlace,
  { table, wanted, inForce }: RetentionState,
): Promise<void> {
  const { cluster } = topology
  const everywhere = cluster === undefined ? '' : ` ON CLUSTER ${cluster}`
  const target = `${database}.${localTable(topology, table)}${everywhere}`
  const alter = (clause: string): Promise<unknown> =>
    client.command({ query: `ALTER TABLE ${target} ${clause}` })
  if (wanted.storagePolicy !== inForce.storagePolicy)
    await alter(`MODIFY SETTING storage_policy = '${wanted.storagePolicy}'`)
  if (wanted.ttl === inForce.ttl) return
  await (wanted.ttl === '' ? removeTtl(alter) : alter(`MODIFY TTL ${wanted.ttl}`))
}

const NOTHING_TO_REMOVE = /cannot remove/

/** Another collector may have been first: then there is nothing left to remove. */
async function removeTtl(alter: (clause: string) => Promise<unknown>): Promise<void> {
  try {
    await alter('REMOVE TTL')
  } catch (error) {
    if (!(error instanceof Error && NOTHING_TO_REMOVE.test(error.message))) throw error
  }
}

/** A row of the log that is durable before, or after, anything is altered. */
async function record(
  client: ClickHouseClient,
  { database, topology }: StorePlace,
  policy: RetentionPolicy,
  applied: boolean,
): Promise<void> {
  await client.command({
    query: `INSERT INTO ${database}.retention_log (applied, readings_days, hours_days, batches_days) ${insertSettings(topology)}
      SELECT ${applied ? 1 : 0}, ${mapOf(daysByClass(policy, 'readingsDays'))}, ${mapOf(daysByClass(policy, 'hoursDays'))}, ${policy.batchesDays ?? 0}`,
  })
}

function mapOf(days: Readonly<Record<string, number>>): string {
  const pairs = Object.entries(days).map(([name, value]) => `'${name}', ${value}`)
  return `CAST(map(${pairs.join(', ')}), 'Map(String, UInt32)')`
}

/** A policy beside what is in force, table by table. Throws what the client throws. */
export async function retentionStates(
  client: ClickHouseClient,
  { database, topology }: StorePlace,
  policy: RetentionPolicy,
): Promise<RetentionState[]> {
  const rows = await rowsOf<{ name: string; engine: string; policy: string }>(
    client,
    `SELECT name, engine_full AS engine, storage_policy AS policy FROM system.tables
     WHERE database = '${database}' AND name IN (${RETAINED_TABLES.map((table) => `'${localTable(topology, table)}'`).join(', ')})`,
  )
  const states: RetentionState[] = []
  for (const table of RETAINED_TABLES) {
    const row = rows.find(({ name }) => name === localTable(topology, table))
    if (row === undefined) throw new Error(`the table ${table} is not there`)
    const ttl = ttlOf(table, policy)
    states.push({
      table,
      wanted: {
        ttl: ttl === '' ? '' : await inEngineSpelling(client, table, ttl),
        storagePolicy: policy.storagePolicy ?? row.policy,
      },
      inForce: { ttl: / TTL (.*?)(?: SETTINGS |$)/.exec(row.engine)?.[1] ?? '', storagePolicy: row.policy },
    })
  }
  return states
}

/** The engine spells expressions its own way; asked to format ours, it can be compared. */
async function inEngineSpelling(client: ClickHouseClient, table: string, ttl: string): Promise<string> {
  const query = 'SELECT formatQuerySingleLine({statement:String}) AS text'
  const answer = await client.query({
    query,
    query_params: { statement: `ALTER TABLE ${table} MODIFY TTL ${ttl}` },
    format: 'JSONEachRow',
  })
  const [row] = await answer.json<{ text: string }>()
  const found = /\bMODIFY TTL (.*?)\)?$/.exec(row?.text ?? '')?.[1]
  if (found === undefined) throw new Error(`the engine does not spell a TTL as expected: ${row?.text}`)
  // The statement stands in brackets or not, by version; the clause's own brackets are balanced.
  return isBalanced(found) ? found : `${found})`
}

function isBalanced(text: string): boolean {
  return text.split('(').length === text.split(')').length
}

/** Rows, bytes and the oldest row by table and class. Reads every row's class. Throws what the client throws. */
export async function storedRows(
  client: ClickHouseClient,
  { database, topology }: StorePlace,
): Promise<StoredRows[]> {
  const stored: StoredRows[] = []
  for (const table of RETAINED_TABLES) {
    const byClass = table === 'batches' ? `''` : 'class'
    const rows = await rowsOf<{ name: string; rows: string; bytes: string; oldest: string }>(
      client,
      `SELECT ${byClass} AS name, count() AS rows, formatDateTime(min(t.${AGE_COLUMN[table]}), '%FT%TZ', 'UTC') AS oldest,
         intDiv(rows * (SELECT sum(data_compressed_bytes) FROM system.parts
           WHERE active AND database = '${database}' AND table = '${localTable(topology, table)}'), sum(rows) OVER ()) AS bytes
       FROM ${database}.${table} AS t GROUP BY name ORDER BY name LIMIT ${CLASSES_SHOWN_MAX}
       SETTINGS output_format_json_quote_64bit_integers = 1`,
    )
    const found = rows.map((row) => ({
      table,
      class: row.name,
      rows: BigInt(row.rows),
      bytes: BigInt(row.bytes),
      oldest: row.oldest,
    }))
    stored.push(...(found.length > 0 ? found : [{ table, class: '', rows: 0n, bytes: 0n, oldest: '' }]))
  }
  return stored
}

const CLASSES_SHOWN_MAX = 1_000

async function rowsOf<T>(client: ClickHouseClient, query: string): Promise<T[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<T>()
}
