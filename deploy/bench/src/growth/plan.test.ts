import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTestEngine } from '@vouch/clickhouse'
import { migrateClickHouse } from '@vouch/collector/clickhouse/migrate.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { BATCH } from '../ingest/shape.ts'
import { planOf, statementsOf } from './plan.ts'

test('the inserts of a plan cover every moment once, and no fewer readings than asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), (asked) => {
      const { streams, segmentsPerStream, inserts } = planOf(asked)
      const readings = streams * segmentsPerStream * BATCH.rows
      expect(readings).toBeGreaterThanOrEqual(asked)
      expect(readings).toBeLessThan(asked + (segmentsPerStream + 1) * BATCH.rows)
      let next = 0
      for (const { from, to } of inserts) {
        expect(from).toBe(next)
        expect(to).toBeGreaterThan(from)
        next = to
      }
      expect(next).toBe(segmentsPerStream)
    }),
  )
})

test('what the engine makes of a plan is readings of many hours, each once, registers that never fall', async () => {
  const { connect, database, dispose } = await createTestEngine()
  try {
    const client = await connect()
    unwrap(await migrateClickHouse(client, database))
    const plan = {
      streams: 401,
      segmentsPerStream: 30,
      inserts: [
        { from: 0, to: 20 },
        { from: 20, to: 30 },
      ],
    }
    for (const insert of plan.inserts) {
      for (const query of statementsOf(database, plan, insert, Date.UTC(2026, 4, 1)))
        await client.command({ query })
    }
    const rows = await client.query({
      query: `SELECT toUInt32(count()) AS readings, toUInt32(uniqExact(stream)) AS streams,
          toUInt32((SELECT count() FROM ${database}.batches_v1)) AS batches,
          toUInt32((SELECT uniqExact(hour) FROM ${database}.usage_hours_v1)) AS hours,
          toUInt32((SELECT countIf(falls) FROM (SELECT register < lagInFrame(register) OVER
            (PARTITION BY stream ORDER BY time) AS falls FROM ${database}.readings_v1))) AS falls
        FROM ${database}.readings_v1`,
      format: 'JSONEachRow',
    })
    expect(await rows.json()).toEqual([
      { readings: 401 * 30 * BATCH.rows, streams: 401, batches: 3 * 30, hours: 16, falls: 0 },
    ])
  } finally {
    await dispose()
  }
})
