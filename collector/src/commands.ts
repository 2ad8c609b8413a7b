import type { ClickHouseClient } from '@clickhouse/client'
import type { Pool } from 'pg'
import { FaultError, fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { runAudit } from './audit-run.ts'
import type { OperatorCommand } from './cli.ts'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { prepareDataDirectory } from './clickhouse/data-directory.ts'
import { migrateClickHouse } from './clickhouse/migrate.ts'
import { applyRetention, retentionStates, storedRows } from './clickhouse/retention.ts'
import type { StorePlace } from './clickhouse/retention.ts'
import { topologyOf } from './clickhouse/topology.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import { enrolFile } from './enrol-file.ts'
import { runFleetCommand } from './fleet-commands.ts'
import { decide, look } from './ledger-commands.ts'
import type { Fleet } from './fleet/ports.ts'
import type { PullRegistry } from './fleet/pull-ports.ts'
import type { Logger } from './ports.ts'
import { createFleet } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool } from './postgres/pool.ts'
import { createPullRegistry } from './postgres/pulls.ts'
import { retentionPolicy } from './retention/policy.ts'
import { retentionReport } from './retention/report.ts'

/** Runs a command; returns what is to be printed. Throws a FaultError. */
export async function runCommand(
  command: OperatorCommand,
  config: CollectorConfig,
  logger: Logger,
): Promise<string> {
  switch (command.name) {
    case 'audit close':
    case 'audit days':
    case 'audit export':
    case 'audit check':
    case 'audit trail':
      return withClickHouse(config, (client) => runAudit(command, client, config, logger))
    case 'quarantine list':
    case 'quarantine show':
    case 'gaps list':
      return withClickHouse(config, (client) => look(command, client, config))
    case 'quarantine redrive':
    case 'quarantine discard': {
      unwrap(await prepareEngine(config))
      const { text, left } = await decide(command, clickhouseFactory(config), config, SYSTEM_CLOCK.now)
      if (left) process.exitCode = 1
      return text
    }
    case 'migrate':
      await withClickHouse(config, async (client) =>
        unwrap(await migrateClickHouse(client, config.clickhouseDatabase, topologyOf(config))),
      )
      return withFleet(config, logger, async () => 'both schemas are at this version\n')
    case 'retention apply':
      return withClickHouse(config, (client) => applyRetentionNow(client, config, logger))
    case 'retention show':
      return withClickHouse(config, async (client) => {
        const policy = unwrap(retentionPolicy(config))
        const states = await retentionStates(client, placeOf(config), policy)
        return retentionReport(policy, states, await storedRows(client, placeOf(config)))
      })
    case 'agents enrol-file':
      return withClickHouse(config, (client) =>
        withPool(config, logger, (pool) => enrolFile(command, { client, pool, config })),
      )
    case 'token create':
    case 'agents list':
    case 'agents show':
    case 'agents revoke':
    case 'agents move':
    case 'agents pull':
    case 'policy list':
    case 'policy set':
      return withFleet(config, logger, (registries) => runFleetCommand(command, registries, config))
    default:
      throw new Error(`not a command: ${JSON.stringify(command satisfies never)}`)
  }
}

function placeOf(config: CollectorConfig): StorePlace {
  return { database: config.clickhouseDatabase, topology: topologyOf(config) }
}

async function applyRetentionNow(
  client: ClickHouseClient,
  config: CollectorConfig,
  logger: Logger,
): Promise<string> {
  unwrap(await migrateClickHouse(client, config.clickhouseDatabase, topologyOf(config)))
  const policy = unwrap(retentionPolicy(config))
  const changed = unwrap(await applyRetention(client, placeOf(config), policy, logger))
  return changed.length === 0 ? 'nothing to change\n' : `changed: ${changed.join(', ')}\n`
}

async function withFleet(
  config: CollectorConfig,
  logger: Logger,
  work: (registries: { readonly fleet: Fleet; readonly pulls: PullRegistry }) => Promise<string>,
): Promise<string> {
  return withPool(config, logger, (pool) =>
    work({ fleet: createFleet(pool), pulls: createPullRegistry(pool) }),
  )
}

async function withPool(
  config: CollectorConfig,
  logger: Logger,
  work: (pool: Pool) => Promise<string>,
): Promise<string> {
  const pool = openPool(config.databaseUrl, logger)
  try {
    unwrap(await migratePostgres(pool))
    return await work(pool)
  } finally {
    await pool.end()
  }
}

async function withClickHouse<T>(
  config: CollectorConfig,
  work: (client: ClickHouseClient) => Promise<T>,
): Promise<T> {
  unwrap(await prepareEngine(config))
  const client = await clickhouseFactory(config)()
  try {
    return await work(client)
  } catch (error) {
    if (error instanceof FaultError) throw error
    return throwFault(
      'STORE_UNAVAILABLE',
      `ClickHouse: ${error instanceof Error ? error.message : String(error)}`,
    )
  } finally {
    await client.close()
  }
}

async function prepareEngine({ clickhouseUrl, dataDir }: CollectorConfig): Promise<Result<void>> {
  if (clickhouseUrl !== undefined) return ok(undefined)
  if (dataDir === undefined) return fail('CONFIG_MISSING', 'set VOUCH_CLICKHOUSE_URL or VOUCH_DATA_DIR')
  return prepareDataDirectory(dataDir)
}
