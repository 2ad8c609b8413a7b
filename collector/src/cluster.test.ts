import { openEngine, serveEngine } from '@vouch/clickhouse'
import type { Engine, EngineServer } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onCluster } from './clickhouse/cluster-schema.ts'
import { migrateClickHouse, readMigrations, statementsOf } from './clickhouse/migrate.ts'
import { askReplicas, insertSettings, missingReplicas } from './clickhouse/topology.ts'
import { CLUSTER, oneNodeClients, openClusterDirectory } from './testing/one-node-cluster.ts'
import { TestConnection } from './testing/test-agent.ts'
import { startTestCollector } from './testing/test-collector.ts'
import type { TestCollector } from './testing/test-collector.ts'

const topology = { cluster: CLUSTER, quorum: 'auto' } as const
const HOUR_MS = 3_600_000
const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 24 * HOUR_MS

let directory: Awaited<ReturnType<typeof openClusterDirectory>>
let engine: Engine
let server: EngineServer
let vouch: TestCollector
beforeAll(async () => {
  directory = await openClusterDirectory()
  engine = unwrap(await openEngine(directory.directory))
  server = await serveEngine(engine)
  vouch = await startTestCollector(
    { VOUCH_CLICKHOUSE_CLUSTER: CLUSTER },
    { url: server.url, open: oneNodeClients(server.url) },
  )
})
afterAll(async () => {
  await vouch.dispose()
  await server.close()
  await engine.close()
  await directory.close()
})

describe('the schema on a cluster', () => {
  it('every statement of every migration is understood, and the engine reads what becomes of it', async () => {
    const client = await engine.connect()
    const statements = (await readMigrations()).flatMap((migration) => statementsOf(migration, 'vouch'))
    expect(statements.length).toBeGreaterThan(15)
    for (const statement of statements) {
      for (const sql of onCluster(statement, { cluster: CLUSTER, database: 'vouch' })) {
        const query = 'SELECT formatQuery({sql:String}) AS text'
        const answer = await client.query({ query, query_params: { sql }, format: 'JSONEachRow' })
        expect((await answer.json<{ text: string }>())[0]?.text).toMatch(
          statement.trim().startsWith('INSERT') ? /distributed_foreground_insert/ : `ON CLUSTER ${CLUSTER}`,
        )
      }
    }
    await client.close()
  })

  it('tables are Distributed over local ones, and the view feeds from local to local', async () => {
    const rows = await vouch.query<{ name: string; engine: string }>(
      "SELECT name, engine FROM system.tables WHERE database = 'vouch' AND name NOT LIKE '%_v1' ORDER BY name",
    )
    const engines = new Map(rows.map(({ name, engine: kind }) => [name, kind]))
    for (const [name, kind] of engines) {
      if (name.endsWith('_local')) {
        expect(kind).toMatch(/^(Replacing|Aggregating|)MergeTree$/)
        expect(engines.get(name.replace(/_local$/, ''))).toBe('Distributed')
      }
    }
    expect(engines.get('segments_local')).toBe('ReplacingMergeTree')
    const [feed] = await vouch.query<{ text: string }>(
      "SELECT create_table_query AS text FROM system.tables WHERE database = 'vouch' AND name = 'lattice_feed'",
    )
    expect(feed?.text).toContain('TO vouch.lattice_local')
    expect(feed?.text).toContain('FROM vouch.segments_local')
  })

  it('is not touched where every node has it', async () => {
    const client = await oneNodeClients(server.url)()
    const sent: string[] = []
    const command = client.command.bind(client)
    client.command = (params) => {
      sent.push(params.query)
      return command(params)
    }
    expect(await migrateClickHouse(client, 'vouch', topology)).toEqual({ ok: true, value: undefined })
    expect(sent).toEqual([])
    await client.close()
  })
})

describe('a collector on a cluster', () => {
  it('stores every reading once whatever is sent again, and remembers the chain after a restart', async () => {
    const agent = await vouch.enrol()
    const chain = Array.from({ length: 6 }, (_, batch) =>
      agent.seal(
        Array.from({ length: 4 }, (__, row) => ({
          timeMs: START_MS + (batch * 4 + row) * 1_500_000,
          register: BigInt((batch * 4 + row) * 11),
          spanMs: batch + row === 0 ? 0 : 1_500_000,
        })),
      ),
    )
    const connection = await vouch.connect(agent)
    for (const signed of chain.slice(0, 4)) connection.batch(signed)
    await connection.receipt(4n)
    connection.close()
    vouch = await vouch.restart()
    const again = new TestConnection(vouch.address, agent)
    expect(await again.hello()).toBe(4n)
    again.declare(agent.stream)
    for (const signed of chain) again.batch(signed)
    const receipts = await again.receipt(6n)
    expect(receipts.flatMap(({ quarantined }) => quarantined)).toEqual([])
    again.close()
    const stream = `stream = unhex('${agent.stream.streamId.toHex()}')`
    expect(await vouch.query(`SELECT count() AS n FROM vouch.readings_v1 WHERE ${stream}`)).toEqual([
      { n: '24' },
    ])
    const usage = 'toString(max(last_register) - min(first_register)) AS used, uniqExact(hour) AS hours'
    expect(
      await vouch.query(
        `SELECT ${usage} FROM vouch.usage_hours_v1 WHERE ${stream} AND first_time <= last_time`,
      ),
    ).toEqual([{ used: String(23 * 11), hours: '10' }])
    expect(
      await vouch.query(
        `SELECT count() AS n FROM vouch.batches_v1 WHERE agent = unhex('${agent.agentId.toHex()}')`,
      ),
    ).toEqual([{ n: '6' }])
  })

  it('a new run continues the chain that the archive holds', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    connection.batch(agent.seal([{ timeMs: START_MS, register: 1n }]))
    await connection.receipt(1n)
    connection.close()
    vouch = await vouch.restart()
    agent.restart()
    const forked = await vouch.connect(agent)
    forked.batch(agent.seal([{ timeMs: START_MS + 1, register: 2n }]))
    await forked.receipt(1n)
    expect(
      await vouch.query(
        `SELECT uniqExact(run) AS runs FROM vouch.batches_v1 WHERE agent = unhex('${agent.agentId.toHex()}')`,
      ),
    ).toEqual([{ runs: '2' }])
    forked.close()
  })

  it('a quorum that cannot be had gives no receipt', async () => {
    const agent = await vouch.enrol()
    const connection = await vouch.connect(agent)
    await server.faults.set(
      { kind: 'exception', code: 285, name: 'TOO_FEW_LIVE_REPLICAS' },
      { matching: /INSERT INTO vouch.batches[\s\S]*insert_quorum = 'auto'/ },
    )
    connection.batch(agent.seal([{ timeMs: START_MS, register: 1n }]))
    await expect(connection.receipt(1n)).rejects.toThrow('STORE_UNAVAILABLE')
    await server.faults.clear()
  })
})

describe('answers of replicas', () => {
  const answers = (...counts: readonly number[]) =>
    counts.flatMap((count, shard) =>
      Array.from({ length: count }, () => ({ shard: String(shard), shards: counts.length, replicas: 3 })),
    )
  it.each([
    ['a majority of each shard', 'auto', [2, 3], undefined],
    [
      'one replica, where two of three hold every insert',
      'auto',
      [2, 1],
      /of 2 shards 1 have fewer than 2 of 3/,
    ],
    ['one replica, where all hold every insert', 3, [1, 1], undefined],
    ['all replicas, where one holds an insert', 1, [3, 3], undefined],
    ['all but one, where one holds an insert', 1, [3, 2], /fewer than 3 of 3/],
    ['a shard that is silent', 'auto', [3, 0], /1 have fewer/],
    ['nobody', 'auto', [], /no node/],
  ] as const)('%s', (_, quorum, counts, missing) => {
    const reason = missingReplicas({ cluster: CLUSTER, quorum }, answers(...counts))
    if (missing === undefined) expect(reason).toBeUndefined()
    else expect(reason).toMatch(missing)
  })

  it('on one node the question is asked as it stands, and inserts know no quorum', () => {
    const one = { cluster: undefined, quorum: 'auto' } as const
    expect(askReplicas(one, 'SELECT 1')).not.toContain('cluster')
    expect(insertSettings(one)).not.toContain('quorum')
    expect(missingReplicas(one, [])).toBeUndefined()
  })
})
