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

const BIG = /^(\d+)n$/

/** Writes the state as one text. */
export function writeState(state: KeptState): string {
  return JSON.stringify(state, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** Reads what `writeState` wrote; undefined where there is none or it is of another form. */
export function readState(text: string | undefined): KeptState | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text, (key, value: unknown) => {
      const digits = isNumeric(key) && typeof value === 'string' ? BIG.exec(value)?.[1] : undefined
      return digits === undefined ? value : BigInt(digits)
    }) as KeptState
  } catch {
    return undefined
  }
}

const NUMERIC: ReadonlySet<string> = new Set(
  'cpuNs read written received transmitted parentNs endedMs residualMs'.split(' '),
)

/** A label may look like a number. */
function isNumeric(key: string): boolean {
  return NUMERIC.has(key)
}
