import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Answer, Session } from './client.ts'
import type { Counter, PortReading, ReadAt } from './interface-account.ts'
import { textOf } from './inventory.ts'
import { PDU, STATUS } from './message.ts'
import type { VarBind } from './message.ts'
import { COLUMN, NARROW, SCALAR, WIDE } from './mib.ts'
import type { Port } from './ports.ts'
import type { Dose } from './walk.ts'

/** What one answer says of itself. */
export interface AnswerFrame {
  readonly at: ReadAt
  /** ifTableLastChange; undefined where the device has none. */
  readonly lastChange: number | undefined
}

/** The counters of all interfaces asked for. */
export interface CounterPoll {
  readonly readings: ReadonlyMap<Port, PortReading>
  /** Interfaces whose row has another name now, or is gone. */
  readonly moved: readonly Port[]
  readonly frames: readonly AnswerFrame[]
  /** When the last answer came. */
  readonly last: Answer
}

/** What one counter is read from: 64 bits where the device has them. */
type Widths = readonly (32 | 64 | undefined)[]

/** Which counters each interface has, found out at its first poll. */
export type WidthBook = Map<string, Widths>

/** Interfaces that are new, of which everything is asked, a question at most. */
const NEW_ROWS_MAX = 4

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
 * Reads counters, several interfaces a question, each with its name, its discontinuity and sysUpTime out of the same
 * answer: what was renumbered is seen before it is counted. Faults: those of asking, DEVICE_MALFORMED.
 */
export async function pollCounters(
  session: Pick<Session, 'ask'>,
  device: string,
  ports: readonly Port[],
  dose: Dose,
  widths: WidthBook,
): Promise<Result<CounterPoll | undefined>> {
  const readings = new Map<Port, PortReading>()
  const moved: Port[] = []
  const frames: AnswerFrame[] = []
  let last: Answer | undefined
  let rest = ports
  while (rest.length > 0) {
    const left = rest
    const asked = await dose.ask(
      session,
      (rows) => ({
        type: PDU.GET,
        oids: [...FRAME, ...left.slice(0, rows).flatMap((port) => columnsOf(port, widths.get(port.name)))],
      }),
      left.slice(0, NEW_ROWS_MAX).every(({ name }) => widths.has(name)) ? left.length : NEW_ROWS_MAX,
    )
    if (!asked.ok) return asked
    const { answer, rows } = asked.value
    const frame = frameOf(answer, device)
    if (!frame.ok) return frame
    const asking = rest.slice(0, rows)
    const oids = [...FRAME, ...asking.flatMap((port) => columnsOf(port, widths.get(port.name)))]
    if (!repeats(answer.varbinds, oids)) return malformed(device, 'it answers what was not asked')
    let from = FRAME.length
    const again: Port[] = []
    for (const port of asking) {
      const known = widths.get(port.name)
      const end = from + columnsOf(port, known).length
      const row = answer.varbinds.slice(from, end)
      from = end
      if (!isNamed(row, port)) moved.push(port)
      else if (known === undefined && !widths.has(port.name)) {
        widths.set(port.name, widthsOf(row))
        again.push(port)
      } else readings.set(port, readingOf(row, known!, frame.value.at))
    }
    frames.push(frame.value)
    last = answer
    rest = [...again, ...rest.slice(rows)]
  }
  return ok(last === undefined ? undefined : { readings, moved, frames, last })
}

/** The first question about an interface asks for everything, to see what there is. */
function columnsOf({ index }: Port, widths: Widths | undefined): Oid[] {
  const columns: Oid[] = [COLUMN.ifName, COLUMN.ifDescr]
  if (widths === undefined) columns.push(...WIDE, ...NARROW)
  else {
    columns.push(COLUMN.ifCounterDiscontinuityTime)
    for (const [position, bits] of widths.entries())
      if (bits !== undefined) columns.push((bits === 64 ? WIDE : NARROW)[position]!)
  }
  return columns.map((column) => [...column, index])
}

function isNamed([name, description]: readonly VarBind[], port: Port): boolean {
  return (textOf(name) || textOf(description)) === port.name
}

function widthsOf(row: readonly VarBind[]): Widths {
  const [wide, narrow] = [row.slice(2, 2 + WIDE.length), row.slice(2 + WIDE.length)]
  return wide.map((varbind, position) => {
    if (varbind.tag === TAG.COUNTER64) return 64
    return narrow[position]?.tag === TAG.COUNTER32 ? 32 : undefined
  })
}

function readingOf(row: readonly VarBind[], widths: Widths, at: ReadAt): PortReading {
  let next = 3
  const counters = widths.map((bits): Counter | undefined => {
    if (bits === undefined) return undefined
    const { tag, value } = row[next++]!
    const isCounter = tag === (bits === 64 ? TAG.COUNTER64 : TAG.COUNTER32)
    return isCounter && typeof value === 'bigint' ? { value, bits } : undefined
  })
  return { at, discontinuity: ticksOf(row[2]) ?? 0, counters }
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
      return given.length === oid.length && oid.every((arc, index) => arc === given[index])
    })
  )
}

function malformed(device: string, what: string): Result<never> {
  return fail('DEVICE_MALFORMED', `${device}: ${what}`)
}
