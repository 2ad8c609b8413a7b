import type { Oid } from './ber.ts'

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
