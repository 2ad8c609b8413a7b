import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { MeterKind } from '@vouch/proto/kernel/meter.ts'
import type { Instant } from './reading/moment.ts'

/** Where the agent gets its times from. All values are whole milliseconds. */
export interface Clock {
  /** Wall clock since 1970-01-01T00:00:00Z: only ever a label. */
  wallMs(): number
  /** CLOCK_MONOTONIC: stands still in suspend, never steps. */
  monotonicMs(): number
  /** CLOCK_BOOTTIME: as monotonic, and runs in suspend. */
  boottimeMs(): number
  /** 16 bytes that change with every boot. */
  readonly bootId: Uint8Array
}

/** One look at one meter of one resource. */
export interface Sample {
  /** Resource path: `host:ab12/disk:vda`. */
  readonly resource: string
  /** Meter name; one outside the catalogue brings `unit` and `kind`. */
  readonly meter: string
  /**
   * A counter: the counter itself, in the meter's unit. A gauge: its level now, in octets for
   * MiB-second and in thousandths for every other unit (1500 = one and a half cores).
   */
  readonly value: bigint
  /** Changes when the counter starts over for a reason other than a reboot: a new device, a new container. */
  readonly life?: string
  /** The source keeps the counter on disk: a reboot does not start it over, only another life does. */
  readonly outlivesBoots?: boolean
  readonly unit?: string
  readonly kind?: MeterKind
  /** Descriptive labels of the stream. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** A meter that a source cannot give on this system, and why. Absent is not zero. */
export interface Unavailable {
  readonly meter: string
  readonly reason: string
}

/** What was seen at one instant. */
export interface Look {
  readonly samples: readonly Sample[]
  /** When; by default when the source was asked. */
  readonly at?: Instant
  /**
   * What is sampled together, by default the whole source. The looks of a track follow one another at its cadence:
   * a gauge missing from one of them opens a new epoch, and a stall between them is a gap.
   */
  readonly track?: string
  /** Milliseconds between two looks of the track; by default those between two looks of the agent. */
  readonly cadenceMs?: number
  /** The track ends: the streams of this look are over, and never come again under the same resources. */
  readonly ends?: boolean
  /** Facts to be kept with these readings, all or none; undefined forgets one. */
  readonly facts?: ReadonlyMap<string, string | undefined>
}

/** Something that can be sampled. */
export interface Source {
  readonly name: string
  /** All looks since it was asked last, those of a track in order. A rejection costs this look only. */
  look(): Promise<readonly Look[]>
  /**
   * Names somebody who takes each look as it comes, of a source that looks on a schedule of its own: thousands of them would
   * wait for a round. A look that is not taken waits for the next, or for a round.
   */
  handOver?(take: (look: Look) => boolean): void
  /** What it cannot give, known after the first look. */
  unavailable?(): readonly Unavailable[]
  /** What is wrong now, each under a message that stays the same: logged when it begins and when it is over. */
  faults?(): readonly Fault[]
  /** Ends whatever it does between looks. */
  stop?(): Promise<void>
}

/** A fault, and the source that has it. */
export interface SourceFault {
  readonly source: string
  readonly fault: Fault
}

/** Reads a fact that was kept with an earlier look, by an earlier run too. */
export type Facts = (key: string) => string | undefined

/** The part of a pino logger that the agent uses. */
export interface Logger {
  debug(detail: object, message: string): void
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}
