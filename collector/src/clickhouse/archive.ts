import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
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
import { ColumnMemory } from '../ingest/column-memory.ts'
import { levelsOf } from '../ingest/levels.ts'
import { coalesce } from '../coalesce.ts'
import type { Archive, KeyRow, EpochKey, LastReading } from '../ports.ts'
import { createChains } from './chains.ts'
import { storeFault } from './fault.ts'
import type { Inserter } from './insert.ts'
import { keySet } from './key-set.ts'
import type { Topology } from './topology.ts'

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
  const query = async <T>(sql: string): Promise<T[]> => {
    const result = await reader.query({ query: sql, format: 'JSONEachRow' })
    return result.json<T>()
  }
  /** Of commits that are over: mostly there is one. */
  const memories: ColumnMemory[] = []
  // Agents that enrol together share an insert.
  const addKeys = coalesce<KeyRow, undefined>(async (keys) => {
    const inserted = await insertAll(writer, [keysBlock(keys)])
    return inserted.ok ? ok(keys.map(() => undefined)) : inserted
  }, KEYS_MAX)
  return {
    commit: async ({ streams, batches }) => {
      const memory = memories.pop() ?? new ColumnMemory()
      // Batches come last: an archived batch says that all it brought is durable.
      const inserted = await insertAll(writer, [
        streamsBlock(streams),
        segmentsBlock(batches, memory),
        lossesBlock(batches),
        quarantineBlock(batches),
        ...levelsOf(batches, (batch) => timesOf(batch)[1]).map((level) => batchesBlock(level)),
      ])
      // After a failure the rows may still be on their way to a server.
      if (inserted.ok) memories.push(memory)
      return inserted
    },
    addKey: async (key) => {
      const added = await addKeys([key])
      return added.ok ? ok(undefined) : added
    },
    ...createChains({ database, topology, query, guarded }),
    lastReadings: coalesce(
      (keys) =>
        guarded(async () => {
          const rows = await query<LastRow>(lastReadingsSql(database, keys))
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

/** Keys in one insert. */
const KEYS_MAX = 1_000
/** Epochs in one query: a quarter of a megabyte of text, the most that the engine parses by default. */
const LAST_READINGS_MAX = 5_000

function lastReadingsSql(database: string, keys: readonly EpochKey[]): string {
  return `SELECT lower(hex(stream)) AS name, epoch, toUnixTimestamp64Milli(max(last_time)) AS time,
      max(last_register) AS register
    FROM ${database}.usage_hours
    WHERE (stream, epoch) IN ${keySet(keys.map(({ streamId, epoch }) => [streamId, epoch]))}
    GROUP BY stream, epoch ${QUOTED}`
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
