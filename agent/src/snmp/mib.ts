import type { Oid } from './ber.ts'

/** Identifiers of cells that are kept, at most. */
const CELLS_MAX = 8192
const cells = new Map<Oid, Map<number, Oid>>()
let cellsKept = 0

const IF_ENTRY = [1, 3, 6, 1, 2, 1, 2, 2, 1]
const IF_X_ENTRY = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1]

/** Single variables. */
export const SCALAR = {
  sysUpTime: [1, 3, 6, 1, 2, 1, 1, 3, 0],
  hrSystemUptime: [1, 3, 6, 1, 2, 1, 25, 1, 1, 0],
  ifTableLastChange: [1, 3, 6, 1, 2, 1, 31, 1, 5, 0],
} as const satisfies Readonly<Record<string, Oid>>

/** Columns of the tables of interfaces. */
export const COLUMN = {
  ifDescr: [...IF_ENTRY, 2],
  ifSpeed: [...IF_ENTRY, 5],
  ifPhysAddress: [...IF_ENTRY, 6],
  ifOperStatus: [...IF_ENTRY, 8],
  ifName: [...IF_X_ENTRY, 1],
  ifHighSpeed: [...IF_X_ENTRY, 15],
  ifAlias: [...IF_X_ENTRY, 18],
  ifCounterDiscontinuityTime: [...IF_X_ENTRY, 19],
  ifStackStatus: [1, 3, 6, 1, 2, 1, 31, 1, 2, 1, 3],
} as const satisfies Readonly<Record<string, Oid>>

/** Columns of the counters, in the order of COUNTED: octets in and out, packets in and out. */
export const WIDE: readonly Oid[] = [6, 10, 7, 11].map((column) => [...IF_X_ENTRY, column])

/** The same with 32 bits. */
export const NARROW: readonly Oid[] = [10, 16, 11, 17].map((column) => [...IF_ENTRY, column])

/** The identifier of a cell of a column. Devices mostly have the same indexes, and theirs are the same then. */
export function cellOf(column: Oid, index: number): Oid {
  const known = cells.get(column)?.get(index)
  if (known !== undefined) return known
  if (cellsKept === CELLS_MAX) {
    cells.clear()
    cellsKept = 0
  }
  const cell = column.concat(index)
  const own = cells.get(column) ?? new Map<number, Oid>()
  cells.set(column, own.set(index, cell))
  cellsKept += 1
  return cell
}
