import { create } from '@bufbuild/protobuf'
import type { ClickHouseClient } from '@clickhouse/client'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { GetEvidenceRequestSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Proof } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { batchDigest } from '@vouch/proto/seal/batch.ts'
import { createArchive } from '@vouch/rating/clickhouse/archive.ts'
import { createReader } from '@vouch/rating/clickhouse/reader.ts'
import { evidence } from '@vouch/rating/evidence/evidence.ts'
import type { Stores } from './services.ts'

const LIMITS = { linksMax: 100_000, runsMax: 1_000 }
const EXPIRED_AFTER_DAYS = 1

/** The proof with its batches drawn from the store as it is now, in the order that it had. */
export async function drawAgain(stores: Stores, proof: Proof): Promise<Proof> {
  const reader = createReader(stores.clickhouse, databaseOf(stores), 1)
  try {
    const full = proof.batches.filter(({ body }) => body.length > 0)
    const request = create(GetEvidenceRequestSchema, {
      batchDigests: full.map(({ header }) => batchDigest(header)),
    })
    const found = new Map<string, SignedBatch>()
    for await (const { kind } of evidence(request, createArchive(reader), LIMITS)) {
      if (kind.case === 'batch') found.set(batchDigest(kind.value.header).toHex(), kind.value)
    }
    return {
      ...proof,
      batches: proof.batches.flatMap(({ header }) => found.get(batchDigest(header).toHex()) ?? []),
    }
  } finally {
    await reader.close()
  }
}

/** Lets the engine delete every reading and batch, as retention does long after. Gives what is left of each. */
export async function expireEverything(
  stores: Stores,
): Promise<{ readonly readings: number; readonly batches: number }> {
  const client = await stores.clickhouse()
  const database = databaseOf(stores)
  for (const [table, column] of [
    ['segments', 'last_time'],
    ['batches', 'last_time'],
  ]) {
    const ttl = `toDateTime(${column}) + toIntervalDay(${EXPIRED_AFTER_DAYS})`
    await client.command({
      query: `ALTER TABLE ${database}.${table} MODIFY TTL ${ttl} SETTINGS mutations_sync = 1`,
    })
    await client.command({ query: `OPTIMIZE TABLE ${database}.${table} FINAL` })
  }
  return {
    readings: await count(client, database, 'segments'),
    batches: await count(client, database, 'batches'),
  }
}

async function count(client: ClickHouseClient, database: string, table: string): Promise<number> {
  const query = `SELECT toUInt32(count()) AS n FROM ${database}.${table}`
  const rows = await (await client.query({ query, format: 'JSONEachRow' })).json<{ n: number }>()
  return rows[0]!.n
}

function databaseOf({ clickhouseSettings }: Stores): string {
  return clickhouseSettings['VOUCH_CLICKHOUSE_DATABASE'] ?? 'vouch'
}
