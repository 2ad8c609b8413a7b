import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import {
  batchesBlock,
  keysBlock,
  lossesBlock,
  quarantineBlock,
  segmentsBlock,
  streamsBlock,
  timesOf,
} from '../ingest/blocks.ts'
import type { TableBlock } from '../ingest/blocks.ts'
import { levelsOf } from '../ingest/levels.ts'
import type { Archive, EpochKey, Hex, LastReading, Link, Neighbours } from '../ports.ts'
import { coalesce } from './coalesce.ts'
import { storeFault } from './fault.ts'
import type { Inserter } from './insert.ts'
import { askReplicas, localTable, missingReplicas } from './topology.ts'
import type { ReplicaAnswer, Topology } from './topology.ts'

/** One client for each concurrent use, as the embedded engine runs one query a client. */
export interface ArchiveClients {
  readonly writer: Inserter
  readonly reader: ClickHouseClient
  readonly database: string
  readonly topology: Topology
}

const QUOTED = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/** The archive on ClickHouse. */
export function createArchive({ writer, reader, database, topology }: ArchiveClients): Archive {
  const chains = `${database}.${localTable(topology, 'batches')}`
  const query = async <T>(sql: string, params: Record<string, unknown>): Promise<T[]> => {
    const result = await reader.query({ query: sql, query_params: params, format: 'JSONEachRow' })
    return result.json<T>()
  }
  /** What decides about a chain is asked of every replica. */
  const ask = async <T>(select: string, params: Record<string, unknown>): Promise<T[]> => {
    const rows = await query<T & ReplicaAnswer>(askReplicas(topology, select), params)
    const missing = missingReplicas(topology, rows)
    if (missing !== undefined) throw new Error(missing)
    return rows
  }
  return {
    commit: ({ streams, batches }) =>
      // Batches come last: an archived batch says that all it brought is durable.
      insertAll(writer, [
        streamsBlock(streams),
        segmentsBlock(batches),
        lossesBlock(batches),
        quarantineBlock(batches),
        ...levelsOf(batches, (batch) => timesOf(batch)[1]).map((level) => batchesBlock(level)),
      ]),
    addKey: (key) => insertAll(writer, [keysBlock([key])]),
    head: (agentId, runId) =>
      guarded(async () => {
        const rows = await ask<{ found: string; sequence: string; digest: string }>(
          `SELECT count() AS found, max(b.sequence) AS sequence, lower(hex(any(b.digest))) AS digest
         FROM (SELECT sequence, digest FROM ${chains} WHERE agent = unhex({agent:String})
           AND run = unhex({run:String}) ORDER BY sequence DESC LIMIT 1) AS b`,
          { agent: hex(agentId), run: hex(runId) },
        )
        return newest(rows)
      }),
    digestAt: (agentId, runId, sequence) =>
      guarded(async () => {
        const rows = await ask<{ digest: string }>(
          `SELECT lower(hex(any(digest))) AS digest FROM ${chains}
         WHERE agent = unhex({agent:String}) AND run = unhex({run:String}) AND sequence = {sequence:UInt64}`,
          { agent: hex(agentId), run: hex(runId), sequence: String(sequence) },
        )
        return anyDigest(rows.map(({ digest }) => digest))
      }),
    neighbours: (agentId, digest) =>
      guarded(async () => {
        // Each stops at the first row: an agent may have years of batches, and digests have an index of their own.
        const own = `FROM ${chains} WHERE agent = unhex({agent:String})`
        const rows = await ask<{ total: string; known: string; successor: string }>(
          `SELECT countIf(what = 'agent') AS total, countIf(what = 'known') AS known,
             lower(hex(anyIf(next, what = 'successor'))) AS successor
           FROM (
             (SELECT 'agent' AS what, digest AS next ${own} LIMIT 1)
             UNION ALL (SELECT 'known' AS what, digest AS next ${own} AND digest = unhex({digest:String}) LIMIT 1)
             UNION ALL (SELECT 'successor' AS what, digest AS next ${own} AND previous = unhex({digest:String}) LIMIT 1))`,
          { agent: hex(agentId), digest: hex(digest) },
        )
        return neighboursOf(rows)
      }),
    lastReadings: coalesce(
      (keys) =>
        guarded(async () => {
          const rows = await query<LastRow>(lastReadingsSql(database, keys), {})
          return inOrder(keys, rows)
        }),
      LAST_READINGS_MAX,
    ),
  }
}

interface LastRow {
  readonly name: string
  readonly epoch: string
  readonly time: string
  readonly register: string
}

/** Epochs in one query: a quarter of a megabyte of text, the most that the engine parses by default. */
const LAST_READINGS_MAX = 5_000
const EPOCH_BYTES = 8
const KEY_BYTES = STREAM_ID_BYTES + EPOCH_BYTES

/**
 * The keys stand in the text, which may be longer than a URL, and as one literal, which is parsed much faster
 * than thousands of tuples.
 */
function lastReadingsSql(database: string, keys: readonly EpochKey[]): string {
  const bytes = Buffer.alloc(keys.length * KEY_BYTES)
  keys.forEach(({ streamId, epoch }, index) => {
    bytes.set(streamId, index * KEY_BYTES)
    bytes.writeBigUInt64LE(epoch, index * KEY_BYTES + STREAM_ID_BYTES)
  })
  return `WITH unhex('${bytes.toString('hex')}') AS keys
    SELECT lower(hex(stream)) AS name, epoch, toUnixTimestamp64Milli(max(last_time)) AS time,
      max(last_register) AS register
    FROM ${database}.usage_hours
    WHERE (stream, epoch) IN (
      SELECT toFixedString(substring(keys, number * ${KEY_BYTES} + 1, ${STREAM_ID_BYTES}), ${STREAM_ID_BYTES}),
        reinterpretAsUInt64(substring(keys, number * ${KEY_BYTES} + ${STREAM_ID_BYTES + 1}, ${EPOCH_BYTES}))
      FROM numbers(${keys.length}))
    GROUP BY stream, epoch ${QUOTED}`
}

function inOrder(keys: readonly EpochKey[], rows: readonly LastRow[]): (LastReading | undefined)[] {
  const found = new Map(rows.map((row) => [`${row.name}${row.epoch}`, row]))
  return keys.map(({ streamId, epoch }) => {
    const row = found.get(`${hex(streamId)}${epoch}`)
    return row === undefined ? undefined : { timeMs: BigInt(row.time), register: BigInt(row.register) }
  })
}

/** The furthest that any replica knows. */
function newest(rows: readonly { found: string; sequence: string; digest: string }[]): Link | undefined {
  return rows
    .filter(({ found }) => found !== '0')
    .map(({ sequence, digest }): Link => ({ sequence: BigInt(sequence), digest }))
    .reduce<Link | undefined>(
      (best, link) => (best === undefined || link.sequence > best.sequence ? link : best),
      undefined,
    )
}

/** Where no row fits, any and anyIf answer zeros. */
function anyDigest(digests: readonly Hex[]): Hex | undefined {
  return digests.find((digest) => !/^0*$/.test(digest))
}

function neighboursOf(rows: readonly { total: string; known: string; successor: string }[]): Neighbours {
  return {
    agentKnown: rows.some(({ total }) => total !== '0'),
    known: rows.some(({ known }) => known !== '0'),
    successor: anyDigest(rows.map(({ successor }) => successor)),
  }
}

async function insertAll(writer: Inserter, blocks: readonly TableBlock[]): Promise<Result<void>> {
  return guarded(async () => {
    for (const block of blocks) if (block.chunks.length > 0) await writer.insert(block)
  })
}

async function guarded<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work())
  } catch (error) {
    return storeFault(error)
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
