/** What is counted of an interface, in the order of columns. */
export const COUNTED = ['octets.in', 'octets.out', 'packets.in', 'packets.out'] as const

/** A counter as a device gave it. */
export interface Counter {
  readonly value: bigint
  readonly bits: 32 | 64
}

/** When counters were read, by the clocks of both sides. */
export interface ReadAt {
  /** Milliseconds of a clock that never steps and runs in suspend: when the question was sent first. */
  readonly sentMs: number
  /** The same clock, when the answer came. */
  readonly receivedMs: number
  /** sysUpTime of the same answer: hundredths of a second, modulo 2^32. */
  readonly uptime: number
  /** Engine id and boots, under v3. */
  readonly engine: string | undefined
  readonly boots: number | undefined
}

/** One poll of an interface: everything out of one answer. */
export interface PortReading {
  readonly at: ReadAt
  /** ifCounterDiscontinuityTime; 0 where the device has none. */
  readonly discontinuity: number
  /** In the order of COUNTED; undefined = the device does not count it. */
  readonly counters: readonly (Counter | undefined)[]
}

/** An interface as last read. */
export interface PortState {
  /** Names the life of its counters; each is above all before. */
  readonly life: number
  readonly at: ReadAt
  readonly discontinuity: number
  readonly counters: readonly (Counter | undefined)[]
  /** The registers: counters, and 32-bit ones with their wraps. */
  readonly registers: readonly (bigint | undefined)[]
}

/** Why a life began or what is worth knowing about one that went on. */
export type Flag =
  /** The first reading: a single value of a counter means nothing. */
  | 'baseline'
  /** The device says that the counters broke off. */
  | 'discontinuity'
  /** A counter fell without a restart. */
  | 'reset'
  /** The device restarted, and its counters did not go on. */
  | 'restart'
  /** The device's agent restarted, and its counters went on. */
  | 'restart-continued'
  /** Another device answers under this address. */
  | 'replaced'
  /** A 32-bit counter may have wrapped more than once. */
  | 'unmeasurable'
  /** A counter grew by more than the interface can carry. */
  | 'implausible'
  /** The device counts other things, or in another width, than before. */
  | 'changed'

/** What an interface is known to carry, and what happened to its device. */
export interface PortFacts {
  /** Bits a second; 0 = unknown. */
  readonly speed: bigint
  /** Whether the device itself started again since the last poll, and not only its SNMP agent. */
  readonly isRebooted: boolean
  /** Wall milliseconds now, to name a life. */
  readonly wallMs: number
}

/** What came of a poll. */
export interface PortAccount {
  readonly state: PortState
  readonly flags: readonly Flag[]
}

const TICKS = 2 ** 32
const WRAP = 2n ** 32n
const TICK_MS = 10
/** How far sysUpTime may stray from the agent's clock: this much and a hundredth of the time. */
const UPTIME_TOLERANCE_MS = 2000
/** Fewest bits that an octet and a packet take on a line. */
const BITS = [8n, 8n, 160n, 160n] as const
const MS_PER_S = 1000n
/** 1.05 as a fraction. */
const PLAUSIBLE = { n: 105n, d: 100n } as const

/**
 * Whether the device's SNMP agent started again between two answers: sysUpTime, which wraps after 497 days, does not
 * match the time that passed, or the engine was booted. Source: RFC 2578 §7.1.8.
 */
export function isRestarted(before: ReadAt, now: ReadAt): boolean {
  if (before.boots !== undefined && now.boots !== undefined && before.boots !== now.boots) return true
  const ranMs = ((now.uptime - before.uptime + TICKS) % TICKS) * TICK_MS
  const longestMs = now.receivedMs - before.sentMs
  const shortestMs = Math.max(0, now.sentMs - before.receivedMs)
  // A device that was out of reach for longer than sysUpTime counts has shown it some whole rounds ago.
  const roundMs = TICKS * TICK_MS
  const rounds = Math.max(0, Math.round((longestMs - ranMs) / roundMs))
  const tolerance = UPTIME_TOLERANCE_MS + longestMs / 100
  const totalMs = ranMs + rounds * roundMs
  return totalMs < shortestMs - tolerance || totalMs > longestMs + tolerance
}

/** Continues an interface by one poll: its registers run on, or a new life begins that counts nothing of what was before. */
export function accountPort(
  before: PortState | undefined,
  reading: PortReading,
  facts: PortFacts,
): PortAccount {
  if (before === undefined) return begin(undefined, reading, facts, ['baseline'])
  const broken = breakOf(before, reading)
  if (broken !== undefined) return begin(before, reading, facts, [broken])
  const restarted = isRestarted(before.at, reading.at)
  if (restarted && (facts.isRebooted || !isContinued(before, reading)))
    return begin(before, reading, facts, ['restart'])
  const deltas = reading.counters.map((counter, index) => deltaOf(before.counters[index], counter))
  if (deltas.some((delta) => delta === 'fallen')) return begin(before, reading, facts, ['reset'])
  const elapsedMs = BigInt(Math.max(0, Math.ceil(reading.at.receivedMs - before.at.sentMs)))
  if (mayHaveWrappedTwice(reading, facts.speed, elapsedMs))
    return begin(before, reading, facts, ['unmeasurable'])
  if (deltas.some((delta, index) => exceeds(delta, index, facts.speed, elapsedMs)))
    return begin(before, reading, facts, ['implausible'])
  const registers = deltas.map((delta, index) =>
    typeof delta === 'bigint' ? before.registers[index]! + delta : undefined,
  )
  const state = { life: before.life, ...reading, registers }
  return { state, flags: restarted ? ['restart-continued'] : [] }
}

function breakOf(before: PortState, { at, counters, discontinuity }: PortReading): Flag | undefined {
  if (before.at.engine !== at.engine) return 'replaced'
  if (before.discontinuity !== discontinuity) return 'discontinuity'
  return counters.some((counter, index) => counter?.bits !== before.counters[index]?.bits)
    ? 'changed'
    : undefined
}

/** After a restart only 64-bit counters that have not fallen are known to have gone on: a 32-bit one may have wrapped. */
function isContinued(before: PortState, { counters }: PortReading): boolean {
  return counters.every((counter, index) => {
    const old = before.counters[index]
    return counter === undefined || old === undefined || (counter.bits === 64 && counter.value >= old.value)
  })
}

/** A 64-bit counter never wraps, so a fall is a reset; a 32-bit one may wrap. */
function deltaOf(before: Counter | undefined, now: Counter | undefined): bigint | 'fallen' | undefined {
  if (before === undefined || now === undefined) return undefined
  const delta = now.value - before.value
  if (delta >= 0n) return delta
  return now.bits === 32 ? delta + WRAP : 'fallen'
}

/** One wrap is known where the interface cannot fill the counter twice in the time; without a speed nothing is. */
function mayHaveWrappedTwice({ counters }: PortReading, speed: bigint, elapsedMs: bigint): boolean {
  return counters.some(
    (counter, index) =>
      counter?.bits === 32 && (speed === 0n || elapsedMs * speed >= WRAP * BITS[index]! * MS_PER_S),
  )
}

/** Only octets are judged: a packet's size is not known. */
function exceeds(
  delta: bigint | 'fallen' | undefined,
  index: number,
  speed: bigint,
  elapsedMs: bigint,
): boolean {
  if (typeof delta !== 'bigint' || speed === 0n || index > 1) return false
  return delta * 8n * MS_PER_S * PLAUSIBLE.d > PLAUSIBLE.n * speed * elapsedMs
}

function begin(
  before: PortState | undefined,
  reading: PortReading,
  { wallMs }: PortFacts,
  flags: readonly Flag[],
): PortAccount {
  const life = Math.max(wallMs, (before?.life ?? 0) + 1)
  const registers = reading.counters.map((counter) => counter?.value)
  return { state: { life, ...reading, registers }, flags }
}
