import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAG, below, compareOids } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Answer, Question, Session } from './client.ts'
import { PDU, STATUS } from './message.ts'
import type { VarBind } from './message.ts'
import { readFrame } from './row-poll.ts'

/** Rows that a table may have; a device that goes on is cut off. */
const ROWS_MAX = 20_000
/** Rows asked for at once, at first. */
export const REPETITIONS = 10

/** How many rows a device takes at once: halved where it does not answer or says that it is too much. */
export class Dose {
  #rows: number

  constructor(rows: number = REPETITIONS) {
    this.#rows = rows
  }

  /** Rows at once, 1 or more. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Asks what `question` makes of the rows, with fewer of them until there is an answer. A device that does not answer is
   * asked for less only where it is there at all.
   */
  async ask(
    session: Pick<Session, 'ask'>,
    device: string,
    question: (rows: number) => Question,
    rowsMax = this.#rows,
  ): Promise<Result<{ readonly answer: Answer; readonly rows: number }>> {
    for (;;) {
      const rows = Math.min(this.#rows, rowsMax)
      const answer = await session.ask(question(rows))
      const isTooMuch = answer.ok
        ? answer.value.errorStatus === STATUS.TOO_BIG
        : answer.fault.code === 'DEVICE_UNREACHABLE'
      const isLess = isTooMuch && rows > 1 && (answer.ok || (await readFrame(session, device)).ok)
      if (!isLess) return answer.ok ? ok({ answer: answer.value, rows }) : answer
      this.#rows = Math.max(1, Math.floor(rows / 2))
    }
  }
}

/** The rows of a walk: under the rest of their identifiers, the value of each column. */
export type Rows = ReadonlyMap<string, readonly (VarBind | undefined)[]>

/** What a walk found. */
export interface Walked {
  readonly rows: Rows
  /** What was wrong with the answers; the rows before it count. */
  readonly objection: string | undefined
}

/**
 * Reads columns of a table. An identifier that does not ascend over the whole walk ends it, as does a table without
 * end. Faults: those of asking, DEVICE_REFUSED where the device denies access.
 */
export async function walk(
  session: Pick<Session, 'ask'>,
  columns: readonly Oid[],
  dose: Dose,
  name: string,
): Promise<Result<Walked>> {
  const rows = new Map<string, (VarBind | undefined)[]>()
  const cursors = new Map<number, Oid>(columns.entries())
  while (cursors.size > 0) {
    const open = [...cursors]
    const asked = await dose.ask(session, name, (maxRepetitions) => ({
      type: PDU.GET_BULK,
      oids: open.map(([, oid]) => oid),
      maxRepetitions,
    }))
    if (!asked.ok) return asked
    const { errorStatus, varbinds } = asked.value.answer
    if (errorStatus !== STATUS.NO_ERROR)
      return fail('DEVICE_REFUSED', `${name} refuses to give a table: error status ${errorStatus}`)
    if (varbinds.length === 0) return ok({ rows, objection: 'it answers with nothing' })
    for (const [position, varbind] of varbinds.entries()) {
      const [column] = open[position % open.length]!
      const cursor = cursors.get(column)
      if (cursor === undefined) continue
      const rest = below(varbind.oid, columns[column]!)
      if (
        varbind.tag === TAG.END_OF_MIB_VIEW ||
        (rest === undefined && compareOids(varbind.oid, cursor) > 0)
      ) {
        cursors.delete(column)
        continue
      }
      if (rest === undefined || compareOids(varbind.oid, cursor) <= 0)
        return ok({ rows, objection: 'its identifiers do not ascend' })
      cursors.set(column, varbind.oid)
      const key = rest.join('.')
      const row = rows.get(key) ?? columns.map(() => undefined)
      row[column] = varbind
      rows.set(key, row)
      if (rows.size > ROWS_MAX) return ok({ rows, objection: `a table has more than ${ROWS_MAX} rows` })
    }
  }
  return ok({ rows, objection: undefined })
}
