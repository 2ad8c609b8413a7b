import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Session } from './client.ts'
import type { Counter, PortReading } from './interface-account.ts'
import { isText } from './inventory.ts'
import type { VarBind } from './message.ts'
import type { MeteredPort, Widths } from './metered-port.ts'
import { COLUMN, NARROW, WIDE, cellOf } from './mib.ts'
import { pollRows, ticksOf } from './row-poll.ts'
import type { AnswerFrame, ReadRow, RowPoll } from './row-poll.ts'
import type { Dose } from './walk.ts'

/** The counters of all interfaces asked for. */
export interface InterfacePoll extends Pick<RowPoll<MeteredPort>, 'last'> {
  readonly readings: readonly (readonly [port: MeteredPort, reading: PortReading])[]
  /** Interfaces whose row has another name now, or is gone. */
  readonly moved: readonly MeteredPort[]
  readonly frames: readonly AnswerFrame[]
}

/** Interfaces that are new, of which everything is asked, a question at most. */
const NEW_ROWS_MAX = 4

/**
 * Reads counters, several interfaces a question, each with its name and its discontinuity out of the same answer: what
 * was renumbered is seen before it is counted. Which counters an interface has is found out at its first poll. Faults:
 * those of asking, DEVICE_MALFORMED.
 */
export async function pollInterfaces(
  session: Pick<Session, 'ask'>,
  device: string,
  ports: readonly MeteredPort[],
  dose: Dose,
): Promise<Result<InterfacePoll>> {
  const unknown = ports.filter(({ widths }) => widths === undefined)
  const learnt = await pollRows(session, device, unknown, everythingOf, dose, NEW_ROWS_MAX)
  if (!learnt.ok) return learnt
  for (const read of learnt.value.rows) if (isNamed(read)) read.row.widths = widthsOf(read.varbinds)
  const known = ports.filter(({ widths }) => widths !== undefined)
  const polled = await pollRows(session, device, known, columnsOf, dose)
  if (!polled.ok) return polled
  const readings: [MeteredPort, PortReading][] = []
  const moved = learnt.value.rows.filter((read) => !isNamed(read)).map(({ row }) => row)
  for (const read of polled.value.rows)
    if (isNamed(read)) readings.push([read.row, readingOf(read)])
    else moved.push(read.row)
  return ok({
    readings,
    moved,
    frames: [...learnt.value.frames, ...polled.value.frames],
    last: polled.value.last ?? learnt.value.last,
  })
}

/** The first question about an interface asks for everything, to see what there is. */
function everythingOf({ column, index }: MeteredPort): Oid[] {
  return [column, ...WIDE, ...NARROW].map((each) => cellOf(each, index))
}

function columnsOf({ column, index, widths = [] }: MeteredPort): Oid[] {
  const oids = [cellOf(column, index), cellOf(COLUMN.ifCounterDiscontinuityTime, index)]
  for (let position = 0; position < widths.length; position += 1) {
    const bits = widths[position]
    if (bits !== undefined) oids.push(cellOf((bits === 64 ? WIDE : NARROW)[position]!, index))
  }
  return oids
}

function isNamed({ row, varbinds: [name] }: ReadRow<MeteredPort>): boolean {
  return isText(name, row.name)
}

function widthsOf(row: readonly VarBind[]): Widths {
  const [wide, narrow] = [row.slice(1, 1 + WIDE.length), row.slice(1 + WIDE.length)]
  return wide.map((varbind, position) => {
    if (varbind.tag === TAG.COUNTER64) return 64
    return narrow[position]?.tag === TAG.COUNTER32 ? 32 : undefined
  })
}

function readingOf({ at, row: { widths = [] }, varbinds }: ReadRow<MeteredPort>): PortReading {
  let next = 2
  const counters = widths.map((bits): Counter | undefined => {
    if (bits === undefined) return undefined
    const { tag, value } = varbinds[next++]!
    const isCounter = tag === (bits === 64 ? TAG.COUNTER64 : TAG.COUNTER32)
    return isCounter && typeof value === 'bigint' ? { value, bits } : undefined
  })
  return { at, discontinuity: ticksOf(varbinds[1]) ?? 0, counters }
}
