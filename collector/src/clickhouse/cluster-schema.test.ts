import { describe, expect, it } from 'vitest'
import { onCluster } from './cluster-schema.ts'

const SCHEMA = { cluster: 'metering', database: 'vouch' }
const on = (sql: string): string[] => onCluster(sql, SCHEMA).map((text) => text.replaceAll(/\s+/g, ' '))

describe('a statement on a cluster', () => {
  it('a table is stored on each node, replicated in its shard, and reached over all of them', () => {
    const sql =
      'CREATE TABLE IF NOT EXISTS vouch.readings (stream FixedString(16), time UInt64) ' +
      'ENGINE = ReplacingMergeTree(time) PARTITION BY toYYYYMM(time) ORDER BY (time, stream) SETTINGS fsync_after_insert = 1'
    expect(on(sql)).toEqual([
      'CREATE TABLE IF NOT EXISTS vouch.readings_local ON CLUSTER metering (stream FixedString(16), time UInt64) ' +
        "ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/metering/{shard}/vouch/readings', '{replica}', time) " +
        'PARTITION BY toYYYYMM(time) ORDER BY (time, stream) SETTINGS fsync_after_insert = 1, min_compressed_bytes_to_fsync_after_fetch = 1',
      'CREATE TABLE IF NOT EXISTS vouch.readings ON CLUSTER metering AS vouch.readings_local ' +
        "ENGINE = Distributed('metering', 'vouch', 'readings_local', cityHash64(stream))",
    ])
  })

  it.each([
    ['(resource, meter, stream)', 'cityHash64(stream)'],
    ['(agent, run, sequence)', 'cityHash64(agent)'],
    ['(agent, stream)', 'cityHash64(stream)'],
    ['(day, `leaf`)', 'cityHash64(day, `leaf`)'],
    ['day', 'cityHash64(day)'],
  ])('rows with equal keys %s meet on one shard: %s', (key, shard) => {
    const [, distributed] = on(
      `CREATE TABLE IF NOT EXISTS vouch.x (a Int8) ENGINE = MergeTree ORDER BY ${key}`,
    )
    expect(distributed).toContain(`'x_local', ${shard})`)
  })

  it('the record of migrations is one table on every node', () => {
    const sql =
      'CREATE TABLE IF NOT EXISTS vouch.migrations (version UInt32) ENGINE = ReplacingMergeTree ORDER BY version'
    expect(on(sql)).toEqual([
      'CREATE TABLE IF NOT EXISTS vouch.migrations ON CLUSTER metering (version UInt32) ENGINE = ' +
        "ReplicatedReplacingMergeTree('/clickhouse/tables/metering/all/vouch/migrations', '{shard}-{replica}') " +
        'ORDER BY version SETTINGS min_compressed_bytes_to_fsync_after_fetch = 1',
    ])
  })

  it.each([
    ['CREATE DATABASE IF NOT EXISTS vouch', ['CREATE DATABASE IF NOT EXISTS vouch ON CLUSTER metering']],
    [
      'CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.feed TO vouch.hours AS SELECT a FROM vouch.readings',
      [
        'CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.feed ON CLUSTER metering TO vouch.hours_local AS SELECT a FROM vouch.readings_local',
      ],
    ],
    [
      'ALTER TABLE vouch.feed MODIFY QUERY SELECT a FROM vouch.readings',
      ['ALTER TABLE vouch.feed ON CLUSTER metering MODIFY QUERY SELECT a FROM vouch.readings_local'],
    ],
    [
      'CREATE OR REPLACE VIEW vouch.v1 AS SELECT * FROM vouch.readings FINAL',
      ['CREATE OR REPLACE VIEW vouch.v1 ON CLUSTER metering AS SELECT * FROM vouch.readings FINAL'],
    ],
    [
      "ALTER TABLE vouch.x ADD COLUMN IF NOT EXISTS a String DEFAULT concat('a,(', 'b'), ADD INDEX IF NOT EXISTS i a TYPE minmax, MODIFY TTL t + 1, u TO VOLUME 'cold'",
      [
        "ALTER TABLE vouch.x_local ON CLUSTER metering ADD COLUMN IF NOT EXISTS a String DEFAULT concat('a,(', 'b'), ADD INDEX IF NOT EXISTS i a TYPE minmax, MODIFY TTL t + 1, u TO VOLUME 'cold'",
        "ALTER TABLE vouch.x ON CLUSTER metering ADD COLUMN IF NOT EXISTS a String DEFAULT concat('a,(', 'b')",
      ],
    ],
    [
      'ALTER TABLE vouch.x MODIFY TTL toDateTime(t) + INTERVAL 1 YEAR',
      ['ALTER TABLE vouch.x_local ON CLUSTER metering MODIFY TTL toDateTime(t) + INTERVAL 1 YEAR'],
    ],
    [
      'CREATE VIEW IF NOT EXISTS vouch.v1 AS SELECT * FROM vouch.x AS x GLOBAL ANY LEFT JOIN vouch.y AS y USING a WHERE b GLOBAL IN (SELECT c FROM vouch.z)',
      [
        'CREATE VIEW IF NOT EXISTS vouch.v1 ON CLUSTER metering AS SELECT * FROM vouch.x AS x GLOBAL ANY LEFT JOIN vouch.y AS y USING a WHERE b GLOBAL IN (SELECT c FROM vouch.z)',
      ],
    ],
    ['DROP VIEW IF EXISTS vouch.v', ['DROP VIEW IF EXISTS vouch.v ON CLUSTER metering SYNC']],
    [
      'DROP TABLE IF EXISTS vouch.x',
      [
        'DROP TABLE IF EXISTS vouch.x ON CLUSTER metering SYNC',
        'DROP TABLE IF EXISTS vouch.x_local ON CLUSTER metering SYNC',
      ],
    ],
    [
      'INSERT INTO vouch.x (a, b) SELECT a, b FROM vouch.y',
      ['INSERT INTO vouch.x (a, b) SELECT a, b FROM vouch.y SETTINGS distributed_foreground_insert = 1'],
    ],
  ])('%s', (sql, expected) => {
    expect(on(sql)).toEqual(expected)
  })

  it.each([
    ['another database', 'CREATE DATABASE IF NOT EXISTS other'],
    ['a table elsewhere', 'CREATE TABLE IF NOT EXISTS other.x (a Int8) ENGINE = MergeTree ORDER BY a'],
    ['a table that may exist', 'CREATE TABLE vouch.x (a Int8) ENGINE = MergeTree ORDER BY a'],
    ['an engine without replicas', 'CREATE TABLE IF NOT EXISTS vouch.x (a Int8) ENGINE = Memory'],
    ['no sorting key', 'CREATE TABLE IF NOT EXISTS vouch.x (a Int8) ENGINE = MergeTree ORDER BY tuple()'],
    [
      'a view with a table of its own',
      'CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.x ENGINE = MergeTree ORDER BY a AS SELECT a FROM vouch.y',
    ],
    [
      'a join on each shard alone',
      'CREATE OR REPLACE VIEW vouch.v AS SELECT * FROM vouch.x JOIN vouch.y USING a',
    ],
    [
      'a look-up on each shard alone',
      'CREATE OR REPLACE VIEW vouch.v AS SELECT * FROM vouch.x WHERE a IN (SELECT b FROM vouch.y)',
    ],
    ['rows', 'INSERT INTO vouch.x SELECT 1'],
    ['rows of another database', 'INSERT INTO vouch.x (a) SELECT a FROM other.y'],
    ['a table of another database', 'DROP TABLE IF EXISTS other.x'],
    ['deletion', 'ALTER TABLE vouch.x DELETE WHERE a'],
    ['one command of several', 'ALTER TABLE vouch.x ADD COLUMN IF NOT EXISTS a Int8, DROP COLUMN b'],
    ['a column of another type', 'ALTER TABLE vouch.x MODIFY COLUMN a Int16'],
    ['nothing', ''],
  ])('%s is refused, not passed through', (_, sql) => {
    expect(() => on(sql)).toThrow(/not known how|sorting key|GLOBAL/)
  })
})
