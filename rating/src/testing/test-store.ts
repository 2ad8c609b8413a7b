import { readFile, readdir } from 'node:fs/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { createTestEngine } from '@vouch/clickhouse'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import type { TestAgent, TestBatch } from './test-agent.ts'

/** A real ClickHouse with the collector's schema. */
export interface TestStore {
  readonly database: string
  connect(): Promise<ClickHouseClient>
  define(agent: TestAgent, streams: readonly StreamDefinition[]): Promise<void>
  /** Stores batches as a collector does; storing them again changes nothing. */
  insert(agent: TestAgent, batches: readonly TestBatch[]): Promise<void>
  command(sql: string): Promise<void>
  dispose(): Promise<void>
}

const MIGRATIONS = new URL('../../../collector/src/clickhouse/migrations/', import.meta.url)
const ROWS_AT_ONCE = 2000

const bytes = (value: Uint8Array): string => `unhex('${toHex(value)}')`
const instant = (ms: number): string => `fromUnixTimestamp64Milli(${ms}, 'UTC')`
const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

/** Opens an empty store. */
export async function createTestStore(): Promise<TestStore> {
  const engine = await createTestEngine()
  const client = await engine.connect()
  const { database } = engine
  const command = async (query: string): Promise<void> => void (await client.command({ query }))
  const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith('.sql')).toSorted()
  for (const file of files) {
    const sql = (await readFile(new URL(file, MIGRATIONS), 'utf8')).replaceAll(/^--.*$/gm, '')
    const statements = sql
      .replaceAll('vouch.', `${database}.`)
      .replace(/DATABASE IF NOT EXISTS vouch\b/, `DATABASE IF NOT EXISTS ${database}`)
    for (const statement of statements.split(/;\s*$/m)) if (statement.trim() !== '') await command(statement)
  }
  const insert = async (table: string, rows: readonly string[]): Promise<void> => {
    for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) {
      await command(`INSERT INTO ${database}.${table} VALUES ${rows.slice(i, i + ROWS_AT_ONCE).join(', ')}`)
    }
  }
  return {
    database,
    connect: () => engine.connect(),
    command,
    define: async (agent, streams) => {
      await insert(
        'streams (stream, agent, resource, meter, unit, kind, attributes, declared)',
        streams.map((stream) => streamRow(agent, stream)),
      )
      const { agentId, keyId, publicKey } = agent.key
      await insert('agent_keys (agent, key_id, public_key, registered)', [
        `(${bytes(agentId)}, ${bytes(keyId)}, ${bytes(publicKey)}, ${instant(0)})`,
      ])
    },
    insert: async (agent, batches) => {
      await insert(
        'segments (stream, epoch, first_time, last_time, run, sequence, first_row, times, registers, spans)',
        batches.flatMap(segmentRows),
      )
      await insert(
        'batches (agent, run, sequence, digest, previous, key_id, header, body, signature, first_time, last_time, rows, received, clock_offset_ms, final)',
        batches.map((batch) => batchRow(agent, batch)),
      )
    },
    dispose: () => engine.dispose(),
  }
}

function streamRow(
  agent: TestAgent,
  { streamId, resource, meter, unit, kind, attributes }: StreamDefinition,
): string {
  const labels = Object.entries(attributes).flatMap(([name, value]) => [text(name), text(value)])
  return `(${bytes(streamId)}, ${bytes(agent.agentId)}, ${text(resource)}, ${text(meter)}, ${text(unit)}, ${kind}, map(${labels.join(', ')}), ${instant(0)})`
}

/** Samples of one stream and epoch that follow each other in time are a segment. */
function segmentRows({ samples, runId, sequence }: TestBatch): string[] {
  const starts = samples.flatMap((sample, row) => {
    const before = samples[row - 1]
    const follows =
      before?.stream === sample.stream && before.epoch === sample.epoch && before.timeMs <= sample.timeMs
    return follows ? [] : [row]
  })
  return starts.map((start, index) => {
    const part = samples.slice(start, starts[index + 1])
    const { stream, epoch, timeMs } = part[0]!
    const arrays = [
      part.map((sample) => instant(sample.timeMs)),
      part.map(({ register }) => register),
      part.map(({ spanMs }) => spanMs),
    ].map((values) => `[${values.join(', ')}]`)
    const ends = `${instant(timeMs)}, ${instant(part.at(-1)!.timeMs)}`
    return `(${bytes(stream.streamId)}, ${epoch}, ${ends}, ${bytes(runId)}, ${sequence}, ${start}, ${arrays.join(', ')})`
  })
}

function batchRow(
  agent: TestAgent,
  { signed, digest, previous, runId, sequence, samples }: TestBatch,
): string {
  const times = samples.map(({ timeMs }) => timeMs)
  const ids = [agent.agentId, runId].map(bytes).join(', ')
  const blobs = [digest, previous, signed.keyId, signed.header, signed.body, signed.signature].map(bytes)
  const [first, last] = times.length === 0 ? [0, 0] : [Math.min(...times), Math.max(...times)]
  return `(${ids}, ${sequence}, ${blobs.join(', ')}, ${instant(first)}, ${instant(last)}, ${samples.length}, ${instant(last)}, 0, 0)`
}
