import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/columns.ts'
import { lifeOf } from '../reading/meter-book.ts'
import { RegisterFile } from '../reading/register-file.ts'
import { putPage } from './register-pages.ts'
import { rowSum } from './rows.ts'
import type { Database } from './sqlite.ts'

const UINT64_MAX = 2n ** 64n - 1n
const COLUMNS = ['life', 'epoch', 'time', 'boottime', 'register', 'remainder'] as const

/**
 * Takes registers over from `states`, where each had a row until version 3. What is not what was written is left out: it
 * opens a new epoch. Rows of a version without checksums are taken as they are.
 */
export function moveStates(db: Database): void {
  const file = new RegisterFile()
  for (const row of db.all(`SELECT stream, life, CAST(epoch AS TEXT) AS epoch, CAST(time_ms AS TEXT) AS time,
    CAST(boottime_ms AS TEXT) AS boottime, register, remainder, coalesce(sum, x'') AS sum FROM states`)) {
    const texts = COLUMNS.map((name) => row.text(name))
    const [id, sum] = [row.bytes('stream'), row.bytes('sum')]
    const [register, remainder] = [unsignedOf(row.text('register')), unsignedOf(row.text('remainder'))]
    if (id.length !== STREAM_ID_BYTES || register === undefined || remainder === undefined) continue
    if (sum.length > 0 && !equalBytes(sum, rowSum(id, ...texts))) continue
    file.put(file.add(id), {
      life: lifeOf(row.text('life')),
      epoch: Number(row.text('epoch')),
      timeMs: Number(row.text('time')),
      boottimeMs: Number(row.text('boottime')),
      register,
      remainder,
      level: 0n,
      monotonicMs: 0,
      look: 0,
    })
  }
  for (const page of file.changed()) putPage(db, page)
}

/** A number of 64 bits; undefined where the text is none. */
function unsignedOf(text: string): bigint | undefined {
  const number = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined
  return number === undefined || number > UINT64_MAX ? undefined : number
}
