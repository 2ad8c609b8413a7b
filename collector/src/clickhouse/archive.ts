import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import {
  batchesBlock,
  decodedOf,
  keysBlock,
  lossesBlock,
  quarantineBlock,
  segmentsBlock,
  streamsBlock,
  takenOf,
  timesOf,
} from '../ingest/blocks.ts'
import { ColumnMemory } from '../ingest/column-memory.ts'
import { levelsOf } from '../ingest/levels.ts'
import { coalesce } from '../coalesce.ts'
import type { Archive, KeyRow, EpochKey, LastReading } from '../ports.ts'
import { createChains } from './chains.ts'
import { storeFault } from './fault.ts'
import type { Journal } from './journal.ts'
import { keySet } from './key-set.ts'
import type { Topology } from './topology.ts'

/** One client for each concurrent use, as the embedded engine runs one query a client. */
export interface ArchiveClients {
  readonly journal: Journal
  readonly reader: ClickHouseClient
  readonly database: string
  readonly topology: Topology
}

const QUOTED = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/** The archive on ClickHouse. */
export function createArchive({ journal, reader, database, topology }: ArchiveClients): Archive {
  const query = async <T>(sql: string): Promise<T[]> => {
    const result = await reader.query({ query: sql, format: 'JSONEachRow' })
    return result.json<T>()
  }
  /** Of commits that are over: mostly there is one. */
  const memories: ColumnMemory[] = []
  // Agents that enrol together share an insert.
  const addKeys = coalesce<KeyRow, undefined>(async (keys) => {
    const inserted = await guarded(() => journal.add([keysBlock(keys)]))
    return inserted.ok ? ok(keys.map(() => undefined)) : inserted
  }, KEYS_MAX)
  return {
    commit: async ({ streams, batches }) => {
      const memory = memories.pop() ?? new ColumnMemory()
      const chained = batches.filter((batch) => batch.chained)
      const before = [streamsBlock(streams), quarantineBlock(batches)]
      const after = [segmentsBlock(takenOf(batches), memory), lossesBlock(decodedOf(chained))]
      const stored = await guarded(() =>
        chained.length === 0
          ? journal.add([...before, ...after])
          : journal.write({
              before,
              signed: (mark) =>
                levelsOf(chained, (batch) => timesOf(batch)[1]).map((level) => batchesBlock(level, mark)),
              after,
            }),
      )
      // After a failure the rows may still be on their way to a server.
      if (stored.ok) memories.push(memory)
      return stored
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
    FROM ${database}.lattice
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

/** Turns whatever is thrown into a fault: STORE_…, DISK_FULL. */
export async function guarded<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work())
  } catch (error) {
    return storeFault(error)
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
