import { RegisterFile } from '../reading/register-file.ts'
import type { RegisterPage } from '../reading/register-file.ts'
import { pageSum } from './rows.ts'
import type { Database } from './sqlite.ts'

/** Every page of registers as last kept. */
export function readPages(db: Database): RegisterPage[] {
  return db
    .all('SELECT page, content FROM registers')
    .map((row) => ({ number: row.integer('page'), bytes: row.bytes('content') }))
}

/** Keeps a page of registers. */
export function putPage(db: Database, { bytes, number }: RegisterPage): void {
  db.run(
    'INSERT OR REPLACE INTO registers (page, content, sum) VALUES (?, ?, ?)',
    number,
    bytes,
    pageSum(number, bytes),
  )
}

/** Forgets registers that were read last before an instant, epoch milliseconds, and the definitions of their streams. */
export function forgetOld(db: Database, beforeMs: number): void {
  const file = new RegisterFile(readPages(db))
  for (const { id, stream, timeMs } of file.registers()) {
    if (timeMs >= beforeMs) continue
    file.end(stream)
    db.run('DELETE FROM streams WHERE stream = ?', id)
  }
  for (const page of file.changed()) putPage(db, page)
}
