import { randomBytes } from 'node:crypto'
import type { ClickHouseClient } from '@clickhouse/client'
import { createTestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { batchDigest, peekHeader } from '@vouch/proto/seal/batch.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type pg from 'pg'
import type { DayStore } from '../audit/day-store.ts'
import { createArchive } from '../clickhouse/archive.ts'
import { createDayStore } from '../clickhouse/day-store.ts'
import { embeddedInserter } from '../clickhouse/insert.ts'
import type { Inserter } from '../clickhouse/insert.ts'
import { Journal } from '../clickhouse/journal.ts'
import { migrateClickHouse } from '../clickhouse/migrate.ts'
import { createQueries } from '../clickhouse/rows.ts'
import { ONE_NODE } from '../clickhouse/topology.ts'
import type { AdmittedBatch, Archive } from '../ports.ts'
import { collectorSigner } from '../postgres/fleet.ts'
import { migratePostgres } from '../postgres/migrate.ts'
import { openPool } from '../postgres/pool.ts'
import { TestAgent } from './test-agent.ts'
import { SILENT } from './test-collector.ts'

/** The stores of a collector without the collector: a test says when each batch was received. */
export interface TestArchive {
  readonly archive: Archive
  readonly days: DayStore
  readonly pool: pg.Pool
  readonly postgresUrl: string
  readonly signer: Signer
  readonly database: string
  connect(): Promise<ClickHouseClient>
  query<T>(sql: string): Promise<T[]>
  command(sql: string): Promise<void>
  /** A new agent whose key is archived and whose stream is declared. */
  enrol(): Promise<TestAgent>
  /** Stores batches as received at an instant, epoch milliseconds. */
  store(batches: readonly SignedBatch[], receivedMs: number, fault?: Fault): Promise<void>
  /** Empties every table that holds batches, readings or days. */
  clear(): Promise<void>
  dispose(): Promise<void>
}

const TABLES = ['batches', 'segments', 'lattice', 'quarantine', 'audit_leaves', 'audit_days', 'losses']

/** The archive of one node; `reader` answers the journal too. */
export function archiveOn(database: string, inserter: Inserter, reader: ClickHouseClient): Archive {
  const journal = new Journal({
    queries: createQueries(reader),
    inserter,
    database,
    topology: ONE_NODE,
  })
  return createArchive({ journal, reader, database, topology: ONE_NODE })
}

/** Opens the stores of one suite. */
export async function openTestArchive(): Promise<TestArchive> {
  const engine = await createTestEngine()
  const { database } = engine
  const postgres = await createTestDatabase()
  const pool = openPool(postgres.url, SILENT)
  const [inserting, reader, auditor] = [
    await engine.connect(),
    await engine.connect(),
    await engine.connect(),
  ]
  unwrap(await migrateClickHouse(inserting, database))
  unwrap(await migratePostgres(pool))
  const writer = await embeddedInserter(inserting, database)
  const archive = archiveOn(database, writer, reader)
  const signer = unwrap(await collectorSigner(pool))
  const command = async (query: string): Promise<void> => void (await inserting.command({ query }))
  return {
    archive,
    days: createDayStore(auditor, database, ONE_NODE),
    pool,
    postgresUrl: postgres.url,
    signer,
    database,
    connect: () => engine.connect(),
    query: async <T>(sql: string) => {
      const query = `${sql} SETTINGS output_format_json_quote_64bit_integers = 1`
      return (await reader.query({ query, format: 'JSONEachRow' })).json<T>()
    },
    command,
    enrol: async () => {
      const agent = new TestAgent(randomBytes(16), signer.publicKey, signerOf(generateKeys().privateKey))
      const { agentId } = agent
      const { keyId, publicKey } = agent.signer
      unwrap(await archive.addKey({ agentId, keyId, publicKey, registeredMs: 0 }))
      unwrap(await archive.commit({ streams: [{ ...agent.stream, agentId, declaredMs: 0 }], batches: [] }))
      return agent
    },
    store: async (batches, receivedMs, fault) => {
      unwrap(
        await archive.commit({
          streams: [],
          batches: batches.map((signed) => admitted(signed, receivedMs, fault)),
        }),
      )
    },
    clear: async () => {
      for (const table of TABLES) await command(`TRUNCATE TABLE ${database}.${table}`)
    },
    dispose: async () => {
      await writer.close()
      await pool.end()
      await postgres.dispose()
      await engine.dispose()
    },
  }
}

/** A batch as the pipeline admits it. */
export function admitted(signed: SignedBatch, receivedMs: number, fault: Fault | undefined): AdmittedBatch {
  const header = unwrap(peekHeader(signed))
  const columns = unwrap(decodeBody(signed.body))
  return {
    agentId: header.agentId,
    runId: header.runId,
    sequence: header.sequence,
    digest: batchDigest(signed.header),
    previous: header.previousDigest,
    header: signed.header,
    body: signed.body,
    signature: signed.signature,
    keyId: signed.keyId,
    columns,
    classes: Array.from({ length: columns.streamIds.length / 16 }, () => 'host.cpu'),
    fault,
    chained: true,
    final: header.final,
    policyVersion: header.policyVersion,
    wallMs: Number(header.clock!.wallMs),
    receivedMs,
    peer: 'test',
  }
}
