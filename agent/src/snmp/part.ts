import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Sample } from '../ports.ts'
import type { Answer } from './client.ts'
import type { KeptDevice } from './device-state.ts'
import type { Flag } from './interface-account.ts'
import type { AnswerFrame } from './row-poll.ts'

/** One thing that is counted, under a name for people, of which something is to be noted. */
export interface Noted {
  readonly port: string
  readonly flags: readonly Flag[]
}

/** What is known of the device when a part is counted. */
export interface DeviceFacts {
  /** Whether the device itself started again since the last poll, and not only its SNMP agent. */
  readonly isRebooted: boolean
  /** When the last answer of the poll came, wall milliseconds. */
  readonly wallMs: number
}

/** A part as counted. */
export interface Counted {
  readonly samples: readonly Sample[]
  /** Of what there is something to note. */
  readonly noted: readonly Noted[]
  readonly faults: readonly Fault[]
}

/** A part as read, not counted yet. */
export interface PartRead {
  readonly frames: readonly AnswerFrame[]
  /** undefined = the device has nothing of this part. */
  readonly last: Answer | undefined
  /** Continues what is kept by what was read; once. */
  count(facts: DeviceFacts, kept: KeptDevice): Counted
}

/** What is metered of a device from one set of tables. */
export interface Part {
  /** Whether it knows which rows the device has. */
  readonly isSettled: boolean
  /** The device restarted, or its tables changed: rows are looked up again. `restarted` = so are their types. */
  forget(restarted: boolean): void
  /** The device was out of reach: it is asked for less at once again as at first. */
  beginAnew(): void
  /** Reads everything once, of a device of which so much is kept. Faults: those of asking, DEVICE_MALFORMED. */
  read(nowMs: number, kept: KeptDevice): Promise<Result<PartRead>>
}

/** How often names, speeds and stacks are read again at least, milliseconds. */
export const INVENTORY_MS = 900_000
