import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { openEngine } from '@vouch/clickhouse'
import { migrateClickHouse } from '@vouch/collector/clickhouse/migrate.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** A store with readings of ports, one at every end of a slot, that the engine made up. */
export interface PortStore {
  readonly database: string
  connect(): Promise<ClickHouseClient>
  close(): Promise<void>
}

/** How long a slot is. */
export const SLOT_MS = 300_000
/** Where the first slot starts. */
export const SINCE_MS = Date.UTC(2026, 0, 1)
/** What ports are metered by. */
export const METER = 'host.network.received'

const AGENT = 'a'.repeat(32)

const DATABASE = 'vouch'
const RUN = 'b'.repeat(32)
/** An hour, as batches of long intervals bring them; a batch holds one of each port. */
const READINGS_OF_SEGMENT = 12
const STREAM = "toFixedString(unhex(hex(sipHash128('port', toUInt64(p)))), 16)"

/** Makes a store. In a slot a port grows by up to a thousand million octets, so that no two totals are alike. */
export async function makePorts(ports: number, slots: number): Promise<PortStore> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-percentile-'))
  const engine = unwrap(await openEngine(directory))
  const client = await engine.connect()
  unwrap(await migrateClickHouse(client, DATABASE))
  const segments = Math.ceil((slots + 1) / READINGS_OF_SEGMENT)
  const at = (edge: string): string =>
    `fromUnixTimestamp64Milli(toInt64(${SINCE_MS} + (${edge}) * ${SLOT_MS}), 'UTC')`
  const [first, last] = [at(`s * ${READINGS_OF_SEGMENT}`), at(`(s + 1) * ${READINGS_OF_SEGMENT} - 1`)]
  for (const query of [
    `INSERT INTO ${DATABASE}.streams (stream, agent, resource, meter, unit, kind, attributes, declared)
      SELECT ${STREAM}, unhex('${AGENT}'), concat('switch:bench/port:', toString(p)), '${METER}', 'B', 1, map(), fromUnixTimestamp64Milli(0, 'UTC')
      FROM (SELECT number AS p FROM numbers(${ports}))`,
    `INSERT INTO ${DATABASE}.batches (agent, run, sequence, digest, first_time, last_time)
      SELECT unhex('${AGENT}'), unhex('${RUN}'), s, unhex(hex(SHA256(toString(s)))), ${first}, ${last}
      FROM (SELECT number AS s FROM numbers(${segments}))`,
    `INSERT INTO ${DATABASE}.segments (stream, epoch, first_time, last_time, run, sequence, first_row, times, registers, spans)
      SELECT ${STREAM}, 1, ${first}, ${last}, unhex('${RUN}'), s, p * ${READINGS_OF_SEGMENT},
        arrayMap(i -> ${at(`s * ${READINGS_OF_SEGMENT} + i`)}, range(${READINGS_OF_SEGMENT})) AS times,
        arrayMap(i -> (s * ${READINGS_OF_SEGMENT} + i) * 1000000000 + cityHash64(p, s, i) % 1000000000, range(${READINGS_OF_SEGMENT})),
        arrayMap(i -> toUInt32(${SLOT_MS}), times)
      FROM (SELECT number % ${ports} AS p, intDiv(number, ${ports}) AS s FROM numbers(${ports * segments}))`,
  ])
    await client.command({ query })
  return {
    database: DATABASE,
    connect: () => engine.connect(),
    close: async () => {
      await engine.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
