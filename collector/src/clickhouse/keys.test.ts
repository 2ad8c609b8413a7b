import { createTestEngine } from '@vouch/clickhouse'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, it } from 'vitest'
import { embeddedInserter } from './insert.ts'
import { migrateClickHouse } from './migrate.ts'
import { archiveOn } from '../testing/test-archive.ts'

it('keys of agents that enrol together go in one insert, and each answer waits for its own', async () => {
  const engine = await createTestEngine()
  const [inserting, reader] = [await engine.connect(), await engine.connect()]
  try {
    unwrap(await migrateClickHouse(inserting, engine.database))
    const real = await embeddedInserter(inserting, engine.database)
    let inserts = 0
    const writer = {
      ...real,
      insert: async (block: Parameters<typeof real.insert>[0]) => {
        inserts++
        await real.insert(block)
      },
    }
    const archive = archiveOn(engine.database, writer, reader)
    const stored = async (): Promise<number> => {
      const query = `SELECT toUInt32(count()) AS keys FROM ${engine.database}.agent_keys_v1`
      const [row] = await (await reader.query({ query, format: 'JSONEachRow' })).json<{ keys: number }>()
      return row!.keys
    }
    const add = (name: number) =>
      archive.addKey({
        agentId: new Uint8Array(16).fill(name),
        keyId: new Uint8Array(16).fill(name),
        publicKey: new Uint8Array(32).fill(name),
        registeredMs: name,
      })
    const answers = await Promise.all(Array.from({ length: 50 }, (_, name) => add(name)))
    expect(answers).toEqual(answers.map(() => ok(undefined)))
    expect(await stored()).toBe(50)
    // The first is alone; those that came meanwhile are together.
    expect(inserts).toBe(2)
    await inserting.command({ query: `DROP TABLE ${engine.database}.agent_keys SYNC` })
    for (const answer of await Promise.all([add(1), add(2), add(3)])) expect(answer.ok).toBe(false)
    await real.close()
  } finally {
    await reader.close()
    await inserting.close()
    await engine.dispose()
  }
})
