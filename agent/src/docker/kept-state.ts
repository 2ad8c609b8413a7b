import type { Description } from './container.ts'
import type { Counters } from './group-reader.ts'
import type { ResidualState } from './residual.ts'

/** A container as it was last read, to go on from. */
export interface KeptContainer {
  readonly id: string
  readonly life: string
  readonly startedMs: number
  /** The start on the boot-time clock. */
  readonly startedBoottimeMs: number
  readonly seenMs: number
  /** Milliseconds that the life lasted, where it is over. */
  readonly lastedMs?: number
  readonly parent?: string | undefined
  readonly counters: Counters
  readonly description: Pick<Description, 'name' | 'image' | 'labels' | 'networkMode' | 'autoRemove'>
}

/** What the container source keeps with its readings. */
export interface KeptState {
  /** Events up to here are in the readings. */
  readonly sinceMs: number
  /** The last look. */
  readonly lookMs: number
  readonly residual?: ResidualState
  readonly containers: readonly KeptContainer[]
}

/** Writes the state as one text. */
export function writeState(state: KeptState): string {
  return JSON.stringify(state, (_, value: unknown) =>
    typeof value === 'bigint' ? { big: value.toString() } : value,
  )
}

/** Reads what `writeState` wrote; undefined where there is none or it is of another form. */
export function readState(text: string | undefined): KeptState | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text, (_, value: unknown) => bigOf(value) ?? value) as KeptState
  } catch {
    return undefined
  }
}

function bigOf(value: unknown): bigint | undefined {
  const isBig = typeof value === 'object' && value !== null && 'big' in value && typeof value.big === 'string'
  return isBig ? BigInt(value.big as string) : undefined
}
