import { readFile, readdir } from 'node:fs/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { onCluster } from './cluster-schema.ts'
import { storeFault } from './fault.ts'
import { ONE_NODE, askReplicas, insertSettings, schemaSettings } from './topology.ts'
import type { Topology } from './topology.ts'

/** A numbered file of statements that can all be run again. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, hexadecimal. */
  readonly checksum: string
}

/** Runs of all migrations, where others run them at the same time. */
const RUNS_MAX = 5
const DIRECTORY = new URL('./migrations/', import.meta.url)

/** Reads the migrations of this version, in order. */
export async function readMigrations(directory: URL = DIRECTORY): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory), 'utf8')
      return { version: Number.parseInt(name, 10), name, sql, checksum: sha256(Buffer.from(sql)).toHex() }
    }),
  )
}

/**
 * Brings a database to the newest schema, on a cluster on every node. ClickHouse has no transactions over
 * schema changes, so every statement can be repeated and two runners at once do no harm.
 * Faults: STORE_NEWER_VERSION, STORE_UNAVAILABLE, STORE_READ_ONLY, DISK_FULL.
 */
export async function migrateClickHouse(
  client: ClickHouseClient,
  database: string,
  topology: Topology = ONE_NODE,
): Promise<Result<void>> {
  let result = await migrateOnce(client, database, topology)
  // A table that is missing was dropped by another runner, which is ahead: what it has done needs no doing.
  for (let run = 1; run < RUNS_MAX && !result.ok && result.fault.code === 'STORE_OLDER_VERSION'; run++)
    result = await migrateOnce(client, database, topology)
  return result
}

async function migrateOnce(
  client: ClickHouseClient,
  database: string,
  topology: Topology,
): Promise<Result<void>> {
  const migrations = await readMigrations()
  const run = async (sql: string): Promise<void> => {
    const { cluster } = topology
    const statements = cluster === undefined ? [sql] : onCluster(sql, { cluster, database })
    for (const query of statements) {
      await client.command({ query, clickhouse_settings: schemaSettings(topology) })
    }
  }
  try {
    const complete = await isComplete(client, database, topology)
    if (!complete) {
      await run(`CREATE DATABASE IF NOT EXISTS ${database}`)
      await run(
        `CREATE TABLE IF NOT EXISTS ${database}.migrations
        (version UInt32, name String, checksum String, applied DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = ReplacingMergeTree ORDER BY (version, checksum)`,
      )
    }
    const applied = await appliedMigrations(client, database, topology)
    const conflict = findConflict(applied, migrations)
    if (conflict !== undefined) return fail('STORE_NEWER_VERSION', conflict)
    const versions = new Set(complete ? applied.map(({ version }) => version) : [])
    for (const migration of migrations) {
      if (versions.has(migration.version)) continue
      for (const statement of statementsOf(migration, database)) await run(statement)
      await client.command({ query: record(migration, database) })
    }
    return ok(undefined)
  } catch (error) {
    return storeFault(error)
  }
}

/** The statements of a migration, without comments and with the name of the database filled in. */
export function statementsOf({ sql }: Migration, database: string): string[] {
  return sql
    .replaceAll(/'(?:[^'\\]|\\.)*'|--.*$/gm, (text) => (text.startsWith('--') ? '' : text))
    .replaceAll(/\bvouch\b(?!`)/g, database)
    .split(/;\s*\n/)
    .filter((statement) => statement.trim() !== '')
}

/**
 * Whether every node that answers has the same tables, the record of migrations among them. A node that
 * came later, or was away, has fewer: then all is run again. Where nothing is to do no node is needed.
 */
async function isComplete(client: ClickHouseClient, database: string, topology: Topology): Promise<boolean> {
  const query = askReplicas(
    topology,
    `SELECT count() AS tables, countIf(name = 'migrations') AS recorded FROM system.tables WHERE database = '${database}'`,
  )
  const result = await client.query({ query, format: 'JSONEachRow' })
  const nodes = await result.json<{ tables: string; recorded: string }>()
  return nodes.every(({ tables, recorded }) => recorded === '1' && tables === nodes[0]?.tables)
}

interface Applied {
  readonly version: number
  readonly checksum: string
}

/** What any node has recorded: on a cluster a replica alone may lag. */
async function appliedMigrations(
  client: ClickHouseClient,
  database: string,
  topology: Topology,
): Promise<Applied[]> {
  const select = `SELECT groupArray((version, checksum)) AS applied FROM (SELECT DISTINCT version, checksum FROM ${database}.migrations)`
  const result = await client.query({ query: askReplicas(topology, select), format: 'JSONEachRow' })
  const nodes = await result.json<{ applied: [number, string][] }>()
  return nodes.flatMap(({ applied }) => applied.map(([version, checksum]) => ({ version, checksum })))
}

function findConflict(applied: readonly Applied[], known: readonly Migration[]): string | undefined {
  for (const { version, checksum } of applied) {
    const migration = known.find((candidate) => candidate.version === version)
    if (migration === undefined) {
      return `the ClickHouse schema has migration ${version}, unknown to this version; start the newer one`
    }
    if (migration.checksum !== checksum) {
      return `migration ${migration.name} was applied with other contents; start the version that wrote it`
    }
  }
  return undefined
}

function record({ version, name, checksum }: Migration, database: string): string {
  // Not VALUES: for those the embedded engine also reads this process's standard input. Nor a quorum: where
  // the record is lost, the statements are run again.
  return `INSERT INTO ${database}.migrations (version, name, checksum)
      SELECT ${version}, '${name}', '${checksum}' ${insertSettings(ONE_NODE)}`
}
