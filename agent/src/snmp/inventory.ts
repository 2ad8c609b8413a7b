import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Session } from './client.ts'
import type { VarBind } from './message.ts'
import { COLUMN } from './mib.ts'
import { choosePorts } from './ports.ts'
import type { Identity, Port, PortChoice, Stacking } from './ports.ts'
import { walk } from './walk.ts'
import type { Dose } from './walk.ts'

/** The interfaces of a device as they stood at one time. */
export interface Inventory {
  readonly ports: readonly Port[]
  /** Whether interfaces have one name, so that which one it means may change. */
  readonly hasTwins: boolean
  readonly faults: readonly Fault[]
}

const COLUMNS = [
  COLUMN.ifDescr,
  COLUMN.ifSpeed,
  COLUMN.ifPhysAddress,
  COLUMN.ifOperStatus,
  COLUMN.ifName,
  COLUMN.ifHighSpeed,
  COLUMN.ifAlias,
]
const MBIT = 1_000_000n
/** ifSpeed of an interface that is too fast for it. */
const SPEED_MAX = 2n ** 32n - 1n
const ACTIVE = 1n
const DECODER = new TextDecoder()
const [FIRST_PRINTABLE, LAST_PRINTABLE] = [0x20, 0x7e]
const UP = 1n

/** Reads which interfaces a device has and chooses those to meter. Faults: those of asking. */
export async function takeInventory(
  session: Pick<Session, 'ask'>,
  dose: Dose,
  device: string,
  choice: PortChoice,
  known: ReadonlyMap<string, Identity>,
): Promise<Result<Inventory>> {
  const table = await walk(session, COLUMNS, dose, device)
  if (!table.ok) return table
  const stack = await walk(session, [COLUMN.ifStackStatus], dose, device)
  if (!stack.ok) return stack
  const ports = [...table.value.rows].flatMap(([index, row]) => portOf(index, row))
  const stackings = [...stack.value.rows].flatMap(([key, [status]]) => stackingOf(key, status))
  const chosen = choosePorts(device, ports, stackings, choice, known)
  const faults = [table.value, stack.value].flatMap(({ objection }) =>
    objection === undefined ? [] : [fail('DEVICE_MALFORMED', `${device}: ${objection}`).fault],
  )
  return ok({ ...chosen, faults: [...chosen.faults, ...faults] })
}

function portOf(index: string, row: readonly (VarBind | undefined)[]): Port[] {
  const [description, speed, physical, status, name, highSpeed, alias] = row
  const named = textOf(name) || textOf(description)
  if (!/^[1-9]\d{0,9}$/.test(index) || named === '') return []
  const port = {
    index: Number.parseInt(index, 10),
    name: named,
    column: textOf(name) === '' ? COLUMN.ifDescr : COLUMN.ifName,
    alias: textOf(alias),
    physical: physical?.value instanceof Uint8Array ? physical.value.toHex() : '',
    speed: speedOf(highSpeed, speed),
    isUp: status?.value === UP,
  }
  return [port]
}

/** Text of a display string: what is not printable is left out. */
export function textOf(varbind: VarBind | undefined): string {
  if (!(varbind?.value instanceof Uint8Array)) return ''
  return DECODER.decode(varbind.value).replaceAll(/\p{C}/gv, '').trim()
}

/** Whether a display string has the text that `textOf` made of one before; mostly it is the same, octet by octet. */
export function isText(varbind: VarBind | undefined, text: string): boolean {
  const octets = varbind?.value
  return (octets instanceof Uint8Array && isSame(octets, text)) || textOf(varbind) === text
}

function isSame(octets: Uint8Array, text: string): boolean {
  if (octets.length !== text.length) return false
  for (let index = 0; index < octets.length; index += 1) {
    const octet = octets[index]!
    if (octet !== text.charCodeAt(index) || octet < FIRST_PRINTABLE || octet > LAST_PRINTABLE) return false
  }
  return true
}

function speedOf(high: VarBind | undefined, low: VarBind | undefined): bigint {
  const fast = numberOf(high) * MBIT
  if (fast > 0n) return fast
  const slow = numberOf(low)
  return slow === SPEED_MAX ? 0n : slow
}

function numberOf(varbind: VarBind | undefined): bigint {
  return typeof varbind?.value === 'bigint' && varbind.value > 0n ? varbind.value : 0n
}

/** A row of ifStackTable: higher.lower; 0 stands for nothing above or below. */
function stackingOf(key: string, status: VarBind | undefined): Stacking[] {
  const [higher = 0, lower = 0, ...more] = key.split('.').map((arc) => Number.parseInt(arc, 10))
  const isStacking = higher !== 0 && lower !== 0 && more.length === 0 && status?.value === ACTIVE
  return isStacking ? [{ higher, lower }] : []
}
