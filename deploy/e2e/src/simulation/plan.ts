import { Dice } from './dice.ts'

/** The kinds of faults; each can be left out to find which ones a failure needs. */
export const FAULT_KINDS = [
  'break',
  'partition',
  'delay',
  'duplicate',
  'alter',
  'collector-crash',
  'agent-crash',
  'reboot',
  'store-failure',
  'store-outage',
  'fleet-failure',
  'clock-step',
  'spool-bound',
  'spool-lost',
  'move',
  'clone',
  'snapshot',
  'rogue',
  'month-end',
  'tight',
  'twin',
] as const

/** A kind of fault. */
export type FaultKind = (typeof FAULT_KINDS)[number]

/** What a run is made of: everything follows from the seed. */
export interface Plan {
  readonly seed: number
  readonly agents: number
  readonly collectors: number
  /** Epoch milliseconds. */
  readonly startMs: number
  /** Faults happen within this time, milliseconds. */
  readonly faultsMs: number
  /** Looks in a batch. */
  readonly looksPerBatch: number
  /** Kinds of faults that happen. */
  readonly faults: ReadonlySet<FaultKind>
  /** Mean time between two faults, milliseconds. */
  readonly faultEveryMs: number
  /** Probability that a step of the store fails, or that a process dies at a point where it waits. */
  readonly storeFailure: number
  readonly crash: number
  /** Bounds of the collectors. */
  readonly windowBatches: number
  readonly pendingBytesMax: number
  readonly commitRowsMax: number
  readonly commitBytesMax: number
  readonly commitWaitMs: number
  /** Octets of an agent's spool. */
  readonly spoolBytesMax: number
}

/** What makes two of one agent: they are to meet, and to miss each other on several collectors. */
const COPIES: readonly FaultKind[] = ['clone', 'snapshot', 'twin']

/** Rare kinds end an agent's delivery, so most runs go without them. */
const RARE: ReadonlySet<FaultKind> = new Set(['clone', 'snapshot', 'spool-lost', 'alter', 'rogue', 'twin'])
const MONTH_END_MS = Date.UTC(2026, 3, 1)
const MIDDLE_MS = Date.UTC(2026, 2, 15, 11, 59, 40)

/** The plan of a seed, without the kinds of faults that are left out. */
export function planOf(seed: number, without: ReadonlySet<FaultKind> = new Set()): Plan {
  const dice = new Dice(seed)
  const drawn = FAULT_KINDS.filter((kind) => dice.chance(RARE.has(kind) ? 0.15 : 0.5))
  const faults = new Set(drawn.filter((kind) => !without.has(kind)))
  const many = dice.between(1, 3)
  const tight = faults.has('tight')
  const plan = {
    seed,
    agents: dice.between(1, 3),
    startMs: faults.has('month-end') ? MONTH_END_MS - dice.between(5_000, 40_000) : MIDDLE_MS,
    faultsMs: dice.between(20_000, 60_000),
    looksPerBatch: dice.between(1, 4),
    faultEveryMs: dice.between(1_000, 12_000),
    storeFailure: dice.pick([0.02, 0.1, 0.3]),
    crash: dice.pick([0.002, 0.01, 0.03]),
    windowBatches: tight ? dice.between(1, 3) : 32,
    pendingBytesMax: tight ? dice.between(300, 3_000) : 64 * 2 ** 20,
    commitRowsMax: tight ? dice.between(1, 12) : 500_000,
    commitBytesMax: tight ? dice.between(300, 4_000) : 32 * 2 ** 20,
    commitWaitMs: dice.pick([0, 100, 1_000]),
    spoolBytesMax: dice.between(1_200, 4_000),
  }
  return {
    ...plan,
    faults,
    collectors: ['move' as const, ...COPIES].some((kind) => faults.has(kind)) ? many : 1,
    spoolBytesMax: faults.has('spool-bound') ? plan.spoolBytesMax : 2 ** 20,
  }
}
