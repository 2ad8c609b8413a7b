import type { MeterKind } from '@vouch/proto/kernel/meter.ts'

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

/** Something that can be sampled. */
export interface Source {
  readonly name: string
  /** Everything it meters, now. A rejection costs this look only. */
  sample(): Promise<readonly Sample[]>
  /** What it cannot give, known after the first look. */
  unavailable?(): readonly Unavailable[]
}

/** The part of a pino logger that the agent uses. */
export interface Logger {
  debug(detail: object, message: string): void
  info(detail: object, message: string): void
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}
