import type { ClickHouseClient } from '@clickhouse/client'
import { FaultError, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { runAudit } from './audit-run.ts'
import type { OperatorCommand } from './cli.ts'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { prepareDataDirectory } from './clickhouse/data-directory.ts'
import { migrateClickHouse } from './clickhouse/migrate.ts'
import { listQuarantine, showQuarantine } from './clickhouse/quarantine.ts'
import type { CollectorConfig } from './config.ts'
import type { AgentSummary, Logger } from './ports.ts'
import { createFleet } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool } from './postgres/pool.ts'

const LIST_MAX = 10_000

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
      return withClickHouse(config, (client) => listQuarantine(client, config.clickhouseDatabase))
    case 'quarantine show':
      return withClickHouse(config, (client) => showQuarantine(client, config.clickhouseDatabase, command.id))
    case 'migrate':
      await withClickHouse(config, async (client) =>
        unwrap(await migrateClickHouse(client, config.clickhouseDatabase)),
      )
      return withFleet(config, logger, async () => 'both schemas are at this version\n')
    case 'token create':
      return withFleet(config, logger, async (fleet) => `${unwrap(await fleet.createToken(command))}\n`)
    case 'agents list':
      return withFleet(config, logger, async (fleet) =>
        unwrap(await fleet.list(LIST_MAX))
          .map((agent) => agentLine(agent))
          .join(''),
      )
    case 'agents revoke':
      return withFleet(config, logger, async (fleet) => {
        unwrap(await fleet.bar(command.agentId, 'revoked', command.reason))
        return `agent ${command.agentId.toHex()} is revoked; its connections end within ${config.fleetRefreshMs} ms\n`
      })
    default:
      throw new Error(`not a command: ${JSON.stringify(command satisfies never)}`)
  }
}

function agentLine({ agentId, state, lastSeenMs, resource, label, reason }: AgentSummary): string {
  const seen = lastSeenMs === undefined ? 'never seen' : `seen ${formatInstant(lastSeenMs)}`
  return `${agentId}  ${state.padEnd(11)}  ${seen}  ${resource}  ${label}${reason === '' ? '' : `  (${reason})`}\n`
}

async function withFleet(
  config: CollectorConfig,
  logger: Logger,
  work: (fleet: ReturnType<typeof createFleet>) => Promise<string>,
): Promise<string> {
  const pool = openPool(config.databaseUrl, logger)
  try {
    unwrap(await migratePostgres(pool))
    return await work(createFleet(pool))
  } finally {
    await pool.end()
  }
}

async function withClickHouse<T>(
  config: CollectorConfig,
  work: (client: ClickHouseClient) => Promise<T>,
): Promise<T> {
  if (config.clickhouseUrl === undefined) {
    if (config.dataDir === undefined)
      throwFault('CONFIG_MISSING', 'set VOUCH_CLICKHOUSE_URL or VOUCH_DATA_DIR')
    unwrap(await prepareDataDirectory(config.dataDir))
  }
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
