import { readFile, writeFile } from 'node:fs/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatDay } from '@vouch/proto/seal/day.ts'
import type { Pool } from 'pg'
import { checkArchive } from './audit-check.ts'
import type { AuditCommand } from './audit-command.ts'
import { closeDay } from './audit-task.ts'
import { exportDays } from './audit/day-export.ts'
import type { StoredDay } from './audit/day-store.ts'
import { writeTrail } from './audit-trail.ts'
import { createDayStore, leafPages } from './clickhouse/day-store.ts'
import { migrateClickHouse } from './clickhouse/migrate.ts'
import { createQueries } from './clickhouse/rows.ts'
import { storedDays } from './clickhouse/stored-days.ts'
import { topologyOf } from './clickhouse/topology.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import type { Logger } from './ports.ts'
import { collectorKeys, collectorSigner } from './postgres/fleet.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPool } from './postgres/pool.ts'

const NO_DAYS = 'no day is closed yet: a UTC day is closed after its end\n'

/** Runs an audit command; returns what is to be printed. Throws a FaultError. */
export async function runAudit(
  command: AuditCommand,
  client: ClickHouseClient,
  config: CollectorConfig,
  logger: Logger,
): Promise<string> {
  const pool = openPool(config.databaseUrl, logger)
  try {
    unwrap(await migratePostgres(pool))
    unwrap(await migrateClickHouse(client, config.clickhouseDatabase, topologyOf(config)))
    return await run(command, client, config, pool)
  } finally {
    await pool.end()
  }
}

async function run(
  command: AuditCommand,
  client: ClickHouseClient,
  config: CollectorConfig,
  pool: Pool,
): Promise<string> {
  const { clickhouseDatabase: database, auditGraceMs: graceMs } = config
  const queries = createQueries(client)
  const sources = {
    collectorKeys: unwrap(await collectorKeys(pool)),
    leaves: (startMs: number) => leafPages(queries, database, startMs),
  }
  switch (command.name) {
    case 'audit close': {
      const signer = unwrap(await collectorSigner(pool))
      const store = createDayStore(client, database, topologyOf(config))
      return closeAll(() => closeDay({ store, signer, pool, graceMs, now: SYSTEM_CLOCK.now }))
    }
    case 'audit days':
      return (await storedDays(queries, database)).map(dayLine).join('') || NO_DAYS
    case 'audit export': {
      const text = await exportDays(await storedDays(queries, database, command), sources, command.leaves)
      return command.file === undefined ? text : written(command.file, text)
    }
    case 'audit check': {
      const against = command.against === undefined ? undefined : await read(command.against)
      return checkArchive({
        ...sources,
        queries,
        database,
        against,
        readings: command.readings,
        nowMs: SYSTEM_CLOCK.now(),
      })
    }
    case 'audit trail': {
      const signer = unwrap(await collectorSigner(pool))
      const { table, text } = await writeTrail(command, { ...sources, queries, database, signer })
      return command.file === undefined ? table : `${table}\n${await written(command.file, text)}`
    }
    default:
      throw new Error(`not a command: ${JSON.stringify(command satisfies never)}`)
  }
}

async function closeAll(close: () => Promise<StoredDay | undefined>): Promise<string> {
  let printed = ''
  for (let day = await close(); day !== undefined; day = await close()) printed += dayLine(day)
  return printed === '' ? 'no day is due\n' : printed
}

function dayLine({ startMs, batches, root, signed }: StoredDay): string {
  return `${formatDay(startMs)}  ${root.toHex()}  ${`${batches}`.padStart(9)} batches  key ${signed.keyId.toHex()}\n`
}

async function written(file: string, text: string): Promise<string> {
  try {
    await writeFile(file, text)
  } catch (error) {
    return throwFault(
      'FIELD_INVALID',
      `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  return `written: ${file}\n`
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    return throwFault(
      'FIELD_INVALID',
      `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}
