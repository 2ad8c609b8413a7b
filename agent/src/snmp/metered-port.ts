import { COLUMN } from './mib.ts'
import { PackedReader, PackedWriter } from './packed.ts'
import type { Port } from './ports.ts'

/** What each counter of an interface is read from: 64 bits where the device has them; undefined = it has none. */
export type Widths = readonly (32 | 64 | undefined)[]

/** An interface that is metered. */
export interface MeteredPort extends Pick<
  Port,
  'index' | 'name' | 'column' | 'alias' | 'physical' | 'speed'
> {
  /** undefined = it was not polled yet. */
  widths: Widths | undefined
}

const NOT_POLLED = 255
const writer = new PackedWriter()
/** Widths that were ever seen: nearly all interfaces have the same ones. */
const seen: Widths[] = []

/** Copies interfaces into a third of the room that objects take: so they lie between two polls of their device. */
export function packPorts(ports: readonly MeteredPort[]): Uint8Array {
  const to = writer.begin()
  to.uint32(ports.length)
  for (const { alias, column, index, name, physical, speed, widths } of ports) {
    to.uint32(index)
    to.uint8(column === COLUMN.ifName ? 1 : 0)
    to.uint64(speed)
    to.uint8(widths === undefined ? NOT_POLLED : numberOf(widths))
    for (const text of [name, alias, physical]) to.text(text)
  }
  return to.bytes.slice()
}

/** Reads what `packPorts` wrote. */
export function unpackPorts(bytes: Uint8Array): MeteredPort[] {
  const from = new PackedReader(bytes)
  return from.list(() => {
    const index = from.uint32()
    const column = from.uint8() === 1 ? COLUMN.ifName : COLUMN.ifDescr
    const [speed, widths] = [from.uint64(), seen[from.uint8()]]
    return { index, column, speed, widths, name: from.text(), alias: from.text(), physical: from.text() }
  })
}

function numberOf(widths: Widths): number {
  const known = seen.findIndex(
    (each) => each.length === widths.length && each.every((bits, at) => bits === widths[at]),
  )
  return known >= 0 ? known : seen.push(widths) - 1
}
