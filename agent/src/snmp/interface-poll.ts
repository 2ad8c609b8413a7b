import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Session } from './client.ts'
import type { Counter, PortReading } from './interface-account.ts'
import { isText } from './inventory.ts'
import type { VarBind } from './message.ts'
import { COLUMN, NARROW, WIDE } from './mib.ts'
import type { Port } from './ports.ts'
import { pollRows, ticksOf } from './row-poll.ts'
import type { AnswerFrame, ReadRow, RowPoll } from './row-poll.ts'
import type { Dose } from './walk.ts'

/** The counters of all interfaces asked for. */
export interface InterfacePoll extends Pick<RowPoll<Port>, 'last'> {
  readonly readings: ReadonlyMap<Port, PortReading>
  /** Interfaces whose row has another name now, or is gone. */
  readonly moved: readonly Port[]
  readonly frames: readonly AnswerFrame[]
}

/** What one counter is read from: 64 bits where the device has them. */
type Widths = readonly (32 | 64 | undefined)[]

/** Which counters each interface has, found out at its first poll. */
export type WidthBook = Map<string, Widths>

/** Interfaces that are new, of which everything is asked, a question at most. */
const NEW_ROWS_MAX = 4

/**
 * Reads counters, several interfaces a question, each with its name and its discontinuity out of the same answer: what
 * was renumbered is seen before it is counted. Faults: those of asking, DEVICE_MALFORMED.
 */
export async function pollInterfaces(
  session: Pick<Session, 'ask'>,
  device: string,
  ports: readonly Port[],
  dose: Dose,
  widths: WidthBook,
): Promise<Result<InterfacePoll>> {
  const unknown = ports.filter(({ name }) => !widths.has(name))
  const learnt = await pollRows(session, device, unknown, everythingOf, dose, NEW_ROWS_MAX)
  if (!learnt.ok) return learnt
  for (const read of learnt.value.rows) if (isNamed(read)) widths.set(read.row.name, widthsOf(read.varbinds))
  const known = ports.filter(({ name }) => widths.has(name))
  const polled = await pollRows(
    session,
    device,
    known,
    (port) => columnsOf(port, widths.get(port.name)!),
    dose,
  )
  if (!polled.ok) return polled
  const readings = new Map<Port, PortReading>()
  const moved = learnt.value.rows.filter((read) => !isNamed(read)).map(({ row }) => row)
  for (const read of polled.value.rows)
    if (isNamed(read)) readings.set(read.row, readingOf(read, widths.get(read.row.name)!))
    else moved.push(read.row)
  return ok({
    readings,
    moved,
    frames: [...learnt.value.frames, ...polled.value.frames],
    last: polled.value.last ?? learnt.value.last,
  })
}

/** The first question about an interface asks for everything, to see what there is. */
function everythingOf({ column, index }: Port): Oid[] {
  return [column, ...WIDE, ...NARROW].map((each) => each.concat(index))
}

function columnsOf({ column, index }: Port, widths: Widths): Oid[] {
  const counters = widths.flatMap((bits, position) =>
    bits === undefined ? [] : [(bits === 64 ? WIDE : NARROW)[position]!],
  )
  return [column, COLUMN.ifCounterDiscontinuityTime, ...counters].map((each) => each.concat(index))
}

function isNamed({ row, varbinds: [name] }: ReadRow<Port>): boolean {
  return isText(name, row.name)
}

function widthsOf(row: readonly VarBind[]): Widths {
  const [wide, narrow] = [row.slice(1, 1 + WIDE.length), row.slice(1 + WIDE.length)]
  const widths = wide.map((varbind, position) => {
    if (varbind.tag === TAG.COUNTER64) return 64
    return narrow[position]?.tag === TAG.COUNTER32 ? 32 : undefined
  })
  // Nearly all interfaces have the same ones.
  const known = KNOWN_WIDTHS.get(widths.join())
  if (known === undefined) KNOWN_WIDTHS.set(widths.join(), widths)
  return known ?? widths
}

const KNOWN_WIDTHS = new Map<string, Widths>()

function readingOf({ varbinds, at }: ReadRow<Port>, widths: Widths): PortReading {
  let next = 2
  const counters = widths.map((bits): Counter | undefined => {
    if (bits === undefined) return undefined
    const { tag, value } = varbinds[next++]!
    const isCounter = tag === (bits === 64 ? TAG.COUNTER64 : TAG.COUNTER32)
    return isCounter && typeof value === 'bigint' ? { value, bits } : undefined
  })
  return { at, discontinuity: ticksOf(varbinds[1]) ?? 0, counters }
}
