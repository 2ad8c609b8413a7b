/** The raw SQLite in a process of its own: inserts the ids that an agent has stored, in the same transactions. See reference.ts. */
import { DatabaseSync } from 'node:sqlite'
import { EVENTS_SCHEMA } from '@vouch/agent/events/schema.ts'
import type { RawAnswer, RawMessage } from './reference.ts'

interface Id {
  readonly key: Uint8Array
  readonly seenMs: number
}

const db = new DatabaseSync(process.env['VOUCH_DATA_FILE'] ?? '')
db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384; ${EVENTS_SCHEMA}`)
const insertion = db.prepare('INSERT OR IGNORE INTO ids (key, seen_ms) VALUES (?, ?)')
const waiting: (readonly Id[])[] = []
process.on('message', (message: RawMessage) => void process.send?.(answer(message)))

function answer(message: RawMessage): RawAnswer {
  if (message.do === 'load') waiting.push(...transactionsOf(message.stored))
  const taken = message.do === 'insert' ? waiting.splice(0, message.transactions) : waiting
  if (message.do === 'insert') for (const ids of taken) insert(ids)
  return taken.map(({ length }) => length)
}

/** All ids of one transaction were seen at one instant; within it they came in an order that keys do not have. */
function transactionsOf(stored: string): Id[][] {
  const source = new DatabaseSync(stored, { readOnly: true })
  const sql = 'SELECT key, seen_ms AS seenMs FROM ids ORDER BY seen_ms, substr(key, 9)'
  const ids = source.prepare(sql).all() as unknown as Id[]
  source.close()
  return [...Map.groupBy(ids, ({ seenMs }) => seenMs).values()]
}

function insert(ids: readonly Id[]): void {
  db.exec('BEGIN IMMEDIATE')
  for (const { key, seenMs } of ids) insertion.run(key, seenMs)
  db.exec('COMMIT')
}
