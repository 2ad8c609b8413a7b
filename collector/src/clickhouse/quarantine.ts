import type { ClickHouseClient } from '@clickhouse/client'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { decisionsBlock } from '../quarantine/decisions-block.ts'
import type { EpochRange, Run } from '../quarantine/agree.ts'
import { placeOf } from '../quarantine/ports.ts'
import { streamKey } from '../quarantine/stream-key.ts'
import type {
  Quarantine,
  QuarantineEntry,
  QuarantineFilter,
  QuarantineState,
  Surroundings,
} from '../quarantine/ports.ts'
import { storeFault } from './fault.ts'
import type { Inserter } from './insert.ts'

type Row = Readonly<Record<string, string>>

/** Ranges looked into for readings of a batch: any one of them would do. */
const TAKEN_RANGES_MAX = 100

const ENTRY = `SELECT toString(id) AS name, lower(hex(agent)) AS agent_id, lower(hex(run)) AS run_id, sequence, code,
    message, peer, toUnixTimestamp64Milli(received) AS received_ms, bytes, state,
    toUnixTimestamp64Milli(decided) AS decided_ms, decided_by, reason`

type Ask = <T>(
  query: string,
  params: Record<string, unknown>,
  shape: (rows: Row[]) => T,
) => Promise<Result<T>>

/** Quarantine on ClickHouse. `writer` is needed by decisions only. */
export function createQuarantine(
  reader: ClickHouseClient,
  writer: Inserter | undefined,
  database: string,
): Quarantine {
  const ask: Ask = async (query, params, shape) => {
    try {
      const quoted = `${query} SETTINGS output_format_json_quote_64bit_integers = 1`
      const result = await reader.query({ query: quoted, query_params: params, format: 'JSONEachRow' })
      return ok(shape(await result.json<Row>()))
    } catch (error) {
      return storeFault(error)
    }
  }
  return {
    ...entriesOn(ask, database),
    ...factsOn(ask, database),
    decide: async (decisions) => {
      if (writer === undefined) throw new Error('this quarantine was opened for reading')
      try {
        await writer.insert(decisionsBlock(decisions))
        return ok(undefined)
      } catch (error) {
        return storeFault(error)
      }
    },
  }
}

function entriesOn(ask: Ask, database: string): Pick<Quarantine, 'page' | 'bytes' | 'digests'> {
  return {
    page: (filter, after, limit) =>
      ask(
        `${ENTRY} FROM ${database}.quarantine_v1 WHERE ${conditions(filter, after)} ORDER BY agent, id LIMIT {limit:UInt32}`,
        { ...filter, afterAgent: after?.agentId, afterId: after?.id, limit },
        (rows) => rows.map((row) => entryOf(row)),
      ),
    bytes: (entries) =>
      ask(
        `SELECT toString(id) AS name, base64Encode(header) AS header, base64Encode(body) AS body,
          base64Encode(signature) AS signature, base64Encode(key_id) AS key_id FROM ${database}.quarantine
        WHERE agent IN (SELECT toFixedString(unhex(arrayJoin({agents:Array(String)})), 16)) AND id IN {ids:Array(UUID)}
        LIMIT 1 BY id`,
        { agents: [...new Set(entries.map(({ agentId }) => agentId))], ids: entries.map(({ id }) => id) },
        (rows) =>
          rows.map((row) => ({
            id: row['name']!,
            header: bytesOf(row['header']),
            body: bytesOf(row['body']),
            signature: bytesOf(row['signature']),
            keyId: bytesOf(row['key_id']),
          })),
      ),
    digests: (entries) =>
      ask(
        `SELECT lower(hex(agent)) AS agent_id, lower(hex(run)) AS run_id, sequence, lower(hex(digest)) AS digest FROM ${database}.batches
        WHERE agent IN (SELECT toFixedString(unhex(arrayJoin({agents:Array(String)})), 16))
          AND run IN (SELECT toFixedString(unhex(arrayJoin({runs:Array(String)})), 16)) AND sequence IN {sequences:Array(UInt64)}`,
        {
          agents: [...new Set(entries.map(({ agentId }) => agentId))],
          runs: [...new Set(entries.map(({ runId }) => runId))],
          sequences: [...new Set(entries.flatMap(({ sequence }) => [sequence - 1n, sequence]))],
        },
        (rows) =>
          new Map(
            rows.map((row) => [
              placeOf(row['agent_id']!, row['run_id']!, BigInt(row['sequence']!)),
              row['digest']!,
            ]),
          ),
      ),
  }
}

function factsOn(
  ask: Ask,
  database: string,
): Pick<Quarantine, 'keys' | 'streams' | 'surroundings' | 'readings' | 'isTaken'> {
  return {
    keys: (agentId) =>
      ask(
        `SELECT lower(hex(key_id)) AS name, base64Encode(public_key) AS key FROM ${database}.agent_keys WHERE agent = unhex({agentId:String})`,
        { agentId },
        (rows) => new Map(rows.map((row) => [row['name']!, bytesOf(row['key'])])),
      ),
    streams: (agentId) =>
      ask(
        `SELECT DISTINCT lower(hex(stream)) AS name, toString(meter) AS meter FROM ${database}.streams WHERE agent = unhex({agentId:String})`,
        { agentId },
        (rows) =>
          new Map(rows.map((row) => [streamKey(Uint8Array.fromHex(row['name']!)), row['meter']!] as const)),
      ),
    surroundings: (ranges) =>
      ask(surroundingsSql(database), rangeParams(ranges), (rows) => inOrder(ranges, rows)),
    readings: (range, afterMs, limit) =>
      ask(
        `SELECT toUnixTimestamp64Milli(time) AS at_ms, register FROM ${database}.readings_v1
        WHERE stream = unhex({stream:String}) AND epoch = {epoch:UInt64}
          AND segment_last_time > fromUnixTimestamp64Milli({afterMs:Int64}) AND segment_first_time <= fromUnixTimestamp64Milli({toMs:Int64})
          AND time > fromUnixTimestamp64Milli({afterMs:Int64}) AND time <= fromUnixTimestamp64Milli({toMs:Int64})
        ORDER BY time, register LIMIT {limit:UInt32}`,
        { stream: range.streamId.toHex(), epoch: range.epoch, afterMs, toMs: range.toMs, limit },
        (rows) => runOf(rows.map((row) => [row['at_ms']!, row['register']!])),
      ),
    isTaken: (entry, ranges) =>
      ask(
        `WITH ${KEYS} SELECT 1 AS one FROM ${database}.segments WHERE (stream, epoch) IN (SELECT stream, epoch FROM keys)
          AND run = unhex({run:String}) AND sequence = {sequence:UInt64} LIMIT 1`,
        { ...rangeParams(ranges.slice(0, TAKEN_RANGES_MAX)), run: entry.runId, sequence: entry.sequence },
        (rows) => rows.length > 0,
      ),
  }
}

/** How many batches wait for a decision. Faults: STORE_…. */
export async function countOpen(client: ClickHouseClient, database: string): Promise<Result<number>> {
  try {
    const query = `SELECT toUInt32(uniqExact(id)) AS open FROM ${database}.quarantine
      WHERE id GLOBAL NOT IN (SELECT quarantine FROM ${database}.quarantine_decisions)`
    const rows = await (await client.query({ query, format: 'JSONEachRow' })).json<{ open: number }>()
    return ok(rows[0]?.open ?? 0)
  } catch (error) {
    return storeFault(error)
  }
}

function conditions(filter: QuarantineFilter, after: QuarantineEntry | undefined): string {
  return [
    '1',
    ...(filter.agentId === undefined ? [] : ['agent = unhex({agentId:String})']),
    ...(filter.code === undefined ? [] : ['code = {code:String}']),
    ...(filter.state === undefined ? [] : ['state = {state:String}']),
    ...(filter.ids === undefined ? [] : ['id IN {ids:Array(UUID)}']),
    ...(after === undefined
      ? []
      : ['(agent, id) > (toFixedString(unhex({afterAgent:String}), 16), {afterId:UUID})']),
  ].join(' AND ')
}

function entryOf(row: Row): QuarantineEntry {
  return {
    id: row['name']!,
    agentId: row['agent_id']!,
    runId: row['run_id']!,
    sequence: BigInt(row['sequence']!),
    code: row['code']!,
    message: row['message']!,
    peer: row['peer']!,
    receivedMs: Number(row['received_ms']),
    bytes: Number(row['bytes']),
    // The table holds no other words: decisions are written here only.
    state: row['state'] as QuarantineState,
    decidedMs: Number(row['decided_ms']),
    decidedBy: row['decided_by']!,
    reason: row['reason']!,
  }
}

const KEYS = `keys AS (
    SELECT toFixedString(unhex(k.1), 16) AS stream, k.2 AS epoch, k.3 AS from_ms, k.4 AS to_ms FROM
    (SELECT arrayJoin(arrayZip({streams:Array(String)}, {epochs:Array(UInt64)}, {froms:Array(Int64)}, {tos:Array(Int64)})) AS k))`

function surroundingsSql(database: string): string {
  return `WITH ${KEYS}
    SELECT lower(hex(r.stream)) AS name, r.epoch AS epoch,
      countIf(at_ms < from_ms) AS before, maxIf(at_ms, at_ms < from_ms) AS before_ms, maxIf(register, at_ms < from_ms) AS before_register,
      countIf(at_ms > to_ms) AS after, minIf(at_ms, at_ms > to_ms) AS after_ms, minIf(register, at_ms > to_ms) AS after_register,
      countIf(at_ms BETWEEN from_ms AND to_ms) AS inside
    FROM (
      SELECT stream, epoch, register, toUnixTimestamp64Milli(time) AS at_ms FROM ${database}.readings_v1
      WHERE stream IN (SELECT stream FROM keys) AND epoch IN {epochs:Array(UInt64)}
    ) AS r INNER JOIN keys AS k ON r.stream = k.stream AND r.epoch = k.epoch
    GROUP BY r.stream, r.epoch`
}

function rangeParams(ranges: readonly EpochRange[]): Record<string, unknown> {
  return {
    streams: ranges.map(({ streamId }) => streamId.toHex()),
    epochs: ranges.map(({ epoch }) => epoch),
    froms: ranges.map(({ fromMs }) => fromMs),
    tos: ranges.map(({ toMs }) => toMs),
  }
}

function inOrder(ranges: readonly EpochRange[], rows: readonly Row[]): Surroundings[] {
  const found = new Map(rows.map((row) => [`${row['name']}${row['epoch']}`, row]))
  return ranges.map(({ streamId, epoch }) => {
    const row = found.get(`${streamId.toHex()}${epoch}`)
    if (row === undefined) return { beside: [], inside: 0 }
    const beside = ['before', 'after']
      .filter((side) => row[side] !== '0')
      .map((side) => runOf([[row[`${side}_ms`]!, row[`${side}_register`]!]]))
    return { beside, inside: Number(row['inside']) }
  })
}

function runOf(readings: readonly (readonly [string, string])[]): Run {
  return {
    timeMs: BigUint64Array.from(readings, ([time]) => BigInt(time)),
    register: BigUint64Array.from(readings, ([, register]) => BigInt(register)),
  }
}

function bytesOf(base64: string | undefined): Uint8Array {
  return Uint8Array.fromBase64(base64 ?? '')
}
