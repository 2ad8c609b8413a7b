import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Answer, Session } from './client.ts'
import type { ReadAt } from './interface-account.ts'
import { PDU, STATUS } from './message.ts'
import type { VarBind } from './message.ts'
import { SCALAR } from './mib.ts'
import type { Dose } from './walk.ts'

/** What one answer says of itself. */
export interface AnswerFrame {
  readonly at: ReadAt
  /** ifTableLastChange; undefined where the device has none. */
  readonly lastChange: number | undefined
}

/** A row as one answer had it. */
export interface ReadRow<R> {
  readonly row: R
  readonly varbinds: readonly VarBind[]
  readonly at: ReadAt
}

/** Rows read one after another, in the order asked. */
export interface RowPoll<R> {
  readonly rows: readonly ReadRow<R>[]
  readonly frames: readonly AnswerFrame[]
  /** When the last answer came; undefined where nothing was asked. */
  readonly last: Answer | undefined
}

const FRAME = [SCALAR.sysUpTime, SCALAR.ifTableLastChange]

/** Reads nothing but the frame: whether a device answers at all, and since when. */
export async function readFrame(
  session: Pick<Session, 'ask'>,
  device: string,
): Promise<Result<{ readonly answer: Answer; readonly frame: AnswerFrame }>> {
  const answer = await session.ask({ type: PDU.GET, oids: FRAME })
  if (!answer.ok) return answer
  const frame = frameOf(answer.value, device)
  return frame.ok ? ok({ answer: answer.value, frame: frame.value }) : frame
}

/**
 * Reads rows, as many a question as the dose allows, at most `atOnce`: all of a row and sysUpTime out of the same
 * answer. Faults: those of asking, DEVICE_MALFORMED.
 */
export async function pollRows<R>(
  session: Pick<Session, 'ask'>,
  device: string,
  rows: readonly R[],
  oidsOf: (row: R) => readonly Oid[],
  dose: Dose,
  atOnce = Number.POSITIVE_INFINITY,
): Promise<Result<RowPoll<R>>> {
  const read: ReadRow<R>[] = []
  const frames: AnswerFrame[] = []
  let last: Answer | undefined
  while (read.length < rows.length) {
    const first = read.length
    /** What is asked for, and where the values of each row end. */
    let [oids, ends]: [Oid[], number[]] = [[], []]
    const asked = await dose.ask(
      session,
      device,
      (count) => {
        ;[oids, ends] = [[...FRAME], []]
        for (let index = first; index < first + count; index += 1) {
          oids.push(...oidsOf(rows[index]!))
          ends.push(oids.length)
        }
        return { type: PDU.GET, oids }
      },
      Math.min(atOnce, rows.length - first),
    )
    if (!asked.ok) return asked
    const { answer } = asked.value
    const frame = frameOf(answer, device)
    if (!frame.ok) return frame
    if (!repeats(answer.varbinds, oids)) return malformed(device, 'it answers what was not asked')
    let from = FRAME.length
    for (const end of ends) {
      const varbinds = answer.varbinds.slice(from, end)
      read.push({ row: rows[read.length]!, varbinds, at: frame.value.at })
      from = end
    }
    frames.push(frame.value)
    last = answer
  }
  return ok({ rows: read, frames, last })
}

function frameOf(answer: Answer, device: string): Result<AnswerFrame> {
  const { engine, errorStatus, sent, received, varbinds } = answer
  if (errorStatus === STATUS.AUTHORIZATION_ERROR)
    return fail('DEVICE_REFUSED', `${device} denies access to its tables`)
  if (errorStatus !== STATUS.NO_ERROR) return malformed(device, `it answers with error status ${errorStatus}`)
  const uptime = ticksOf(varbinds[0])
  if (uptime === undefined) return malformed(device, 'it has no sysUpTime')
  const at = {
    sentMs: sent.boottimeMs,
    receivedMs: received.boottimeMs,
    uptime,
    engine: engine?.id,
    boots: engine?.boots,
  }
  return ok({ at, lastChange: ticksOf(varbinds[1]) })
}

/** Time ticks of a variable; undefined where it has another type. */
export function ticksOf(varbind: VarBind | undefined): number | undefined {
  const isTicks = varbind?.tag === TAG.TIME_TICKS && typeof varbind.value === 'bigint'
  return isTicks ? Number(varbind.value) : undefined
}

function repeats(varbinds: readonly VarBind[], oids: readonly Oid[]): boolean {
  return (
    varbinds.length === oids.length &&
    oids.every((oid, position) => {
      const given = varbinds[position]!.oid
      return given === oid || (given.length === oid.length && oid.every((arc, index) => arc === given[index]))
    })
  )
}

function malformed(device: string, what: string): Result<never> {
  return fail('DEVICE_MALFORMED', `${device}: ${what}`)
}
