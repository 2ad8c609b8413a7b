import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import {
  batchesBlock,
  keysBlock,
  lossesBlock,
  quarantineBlock,
  readingsBlock,
  streamsBlock,
} from '../ingest/blocks.ts'
import type { TableBlock } from '../ingest/blocks.ts'
import type { Archive, EpochKey, LastReading, Link } from '../ports.ts'
import { coalesce } from './coalesce.ts'
import { storeFault } from './fault.ts'
import type { Inserter } from './insert.ts'

/** One client for each concurrent use, as the embedded engine runs one query a client. */
export interface ArchiveClients {
  readonly writer: Inserter
  readonly reader: ClickHouseClient
  readonly database: string
}

const QUOTED = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/** The archive on ClickHouse. */
export function createArchive({ writer, reader, database }: ArchiveClients): Archive {
  const query = async <T>(sql: string, params: Record<string, unknown>): Promise<T[]> => {
    const result = await reader.query({
      query: `${sql} ${QUOTED}`,
      query_params: params,
      format: 'JSONEachRow',
    })
    return result.json<T>()
  }
  return {
    commit: ({ streams, batches }) =>
      // Batches come last: an archived batch says that all it brought is durable.
      insertAll(writer, [
        streamsBlock(streams),
        readingsBlock(batches),
        lossesBlock(batches),
        quarantineBlock(batches),
        batchesBlock(batches),
      ]),
    addKey: (key) => insertAll(writer, [keysBlock([key])]),
    head: (agentId, runId) =>
      guarded(async () => {
        const rows = await query<{ sequence: string; digest: string }>(
          `SELECT sequence, lower(hex(digest)) AS digest FROM ${database}.batches
         WHERE agent = unhex({agent:String}) AND run = unhex({run:String}) ORDER BY sequence DESC LIMIT 1`,
          { agent: hex(agentId), run: hex(runId) },
        )
        return rows.map(({ sequence, digest }): Link => ({ sequence: BigInt(sequence), digest }))[0]
      }),
    digestAt: (agentId, runId, sequence) =>
      guarded(async () => {
        const rows = await query<{ digest: string }>(
          `SELECT lower(hex(digest)) AS digest FROM ${database}.batches
         WHERE agent = unhex({agent:String}) AND run = unhex({run:String}) AND sequence = {sequence:UInt64} LIMIT 1`,
          { agent: hex(agentId), run: hex(runId), sequence: String(sequence) },
        )
        return rows[0]?.digest
      }),
    neighbours: (agentId, digest) =>
      guarded(async () => {
        // Each stops at the first row: an agent may have years of batches, and digests have an index of their own.
        const own = `FROM ${database}.batches WHERE agent = unhex({agent:String})`
        const rows = await query<{ what: string; digest: string }>(
          `SELECT what, digest FROM (
             (SELECT 'agent' AS what, '' AS digest ${own} LIMIT 1)
             UNION ALL (SELECT 'known' AS what, '' AS digest ${own} AND digest = unhex({digest:String}) LIMIT 1)
             UNION ALL (SELECT 'successor' AS what, lower(hex(b.digest)) AS digest FROM ${database}.batches AS b
               WHERE b.agent = unhex({agent:String}) AND b.previous = unhex({digest:String}) LIMIT 1))`,
          { agent: hex(agentId), digest: hex(digest) },
        )
        const found = new Map(rows.map((row) => [row.what, row.digest]))
        return {
          agentKnown: found.has('agent'),
          known: found.has('known'),
          successor: found.get('successor'),
        }
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
    GROUP BY stream, epoch`
}

function inOrder(keys: readonly EpochKey[], rows: readonly LastRow[]): (LastReading | undefined)[] {
  const found = new Map(rows.map((row) => [`${row.name}${row.epoch}`, row]))
  return keys.map(({ streamId, epoch }) => {
    const row = found.get(`${hex(streamId)}${epoch}`)
    return row === undefined ? undefined : { timeMs: BigInt(row.time), register: BigInt(row.register) }
  })
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
