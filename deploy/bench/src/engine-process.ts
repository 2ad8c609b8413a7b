/** The raw engine in a process of its own, for whoever sends it statements. See engine.ts. */
import { openEngine, serveEngine } from '@vouch/clickhouse'
import { migrateClickHouse } from '@vouch/collector/clickhouse/migrate.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { EngineMessage } from './engine.ts'

const engine = unwrap(await openEngine(process.env['VOUCH_DATA_DIR'] ?? ''))
const client = await engine.connect()
process.on('message', (message: EngineMessage) => void answer(message).then((rows) => process.send?.(rows)))

async function answer(message: EngineMessage): Promise<unknown> {
  switch (message.do) {
    case 'migrate':
      return unwrap(await migrateClickHouse(client, message.database)) ?? []
    case 'run':
      for (const query of message.statements) await client.command({ query })
      return []
    case 'select':
      return (await client.query({ query: message.query, format: 'JSONEachRow' })).json()
    case 'serve':
      return (await serveEngine(engine)).url
    default:
      throw new Error(`not a message: ${JSON.stringify(message satisfies never)}`)
  }
}
