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

/** A counter as last read. */
export interface CounterState extends Counter {
  readonly at: ReadAt
  /** The counter, or of a 32-bit one the counter with its wraps. */
  readonly register: bigint
}

/** An interface as last read. */
export interface PortState {
  /** Names the life of its counters; each is above all before. */
  readonly life: number
  readonly at: ReadAt
  readonly discontinuity: number
  /** In the order of COUNTED; undefined = not read in this life. */
  readonly counters: readonly (CounterState | undefined)[]
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
  /** Another piece of hardware has the name of the interface. */
  | 'exchanged'
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
  /** Fewest bits that each of what is counted takes on a line, in the order of the counters. */
  readonly bits: readonly bigint[]
  /** Whether the device itself started again since the last poll, and not only its SNMP agent. */
  readonly isRebooted: boolean
  /** Whether its hardware address is another than before. */
  readonly isExchanged: boolean
  /** Wall milliseconds now, to name a life. */
  readonly wallMs: number
}

/** What came of a poll. */
export interface PortAccount {
  readonly state: PortState
  readonly flags: readonly Flag[]
}

const CONTINUED: readonly Flag[] = ['restart-continued']
const NOTHING: readonly Flag[] = []
const TICKS = 2 ** 32
const WRAP = 2n ** 32n
const TICK_MS = 10
/** How far sysUpTime may stray from the agent's clock: this much and a hundredth of the time. */
const UPTIME_TOLERANCE_MS = 2000
/** Fewest bits that an octet and a packet take on a line, in the order of COUNTED. */
export const LINE_BITS: readonly bigint[] = [8n, 8n, 160n, 160n]
const PACKETS_FROM = 2
const MS_PER_S = 1000n
/** 1.05 as a fraction, of what is carried in a millisecond. */
const PLAUSIBLE = { n: 105n, d: 100n * MS_PER_S } as const

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

/**
 * Continues an interface by one poll: its registers run on, or a new life begins that counts nothing of what was
 * before. A counter that is missing from a poll goes on from where it was read last.
 */
export function accountPort(
  before: PortState | undefined,
  reading: PortReading,
  facts: PortFacts,
): PortAccount {
  const { at, discontinuity } = reading
  const now = believable(reading)
  const broken = before === undefined ? 'baseline' : breakOf(before, reading, now, facts)
  if (before === undefined || broken !== undefined) {
    const life = Math.max(facts.wallMs, (before?.life ?? 0) + 1)
    const counters = now.map((counter) => counter && { ...counter, at, register: counter.value })
    return { state: { life, at, discontinuity, counters }, flags: broken === undefined ? [] : [broken] }
  }
  const counters = now.map((counter, index): CounterState | undefined => {
    const old = before.counters[index]
    if (counter === undefined) return old
    const { bits, value } = counter
    return { bits, value, at, register: old === undefined ? value : old.register + grownBy(old, counter) }
  })
  const flags = isRestarted(before.at, at) ? CONTINUED : NOTHING
  return { state: { life: before.life, at, discontinuity, counters }, flags }
}

/** No packets beside octets: agents that have just started show 0 before they have read their packet counters. */
function believable({ counters }: PortReading): PortReading['counters'] {
  const isUnread = (index: number): boolean =>
    index >= PACKETS_FROM && counters[index]?.value === 0n && counters[index - PACKETS_FROM]?.value !== 0n
  for (let index = PACKETS_FROM; index < counters.length; index += 1)
    if (isUnread(index)) return counters.map((counter, at) => (isUnread(at) ? undefined : counter))
  return counters
}

/** What a counter grew by, with one wrap of a 32-bit one; below 0 where a 64-bit one fell. */
function grownBy(old: Counter, { bits, value }: Counter): bigint {
  const grown = value - old.value
  return grown < 0n && bits === 32 ? grown + WRAP : grown
}

function breakOf(
  before: PortState,
  { at, discontinuity }: PortReading,
  now: PortReading['counters'],
  { bits, isExchanged, isRebooted, speed }: PortFacts,
): Flag | undefined {
  if (before.at.engine !== at.engine) return 'replaced'
  if (isExchanged) return 'exchanged'
  if (before.discontinuity !== discontinuity) return 'discontinuity'
  let [isFallen, isNarrow, isUnmeasurable, isImplausible] = [false, false, false, false]
  // All counters were mostly read with their interface.
  const carriedSince = speed * elapsedMs(before.at, at)
  for (let index = 0; index < now.length; index += 1) {
    const [counter, old] = [now[index], before.counters[index]]
    if (counter === undefined || old === undefined) continue
    if (counter.bits !== old.bits) return 'changed'
    const carried = old.at === before.at ? carriedSince : speed * elapsedMs(old.at, at)
    const delta = grownBy(old, counter)
    isFallen ||= delta < 0n
    isNarrow ||= counter.bits === 32
    // One wrap is known where the interface cannot fill the counter twice in the time; without a speed nothing is.
    isUnmeasurable ||= counter.bits === 32 && (speed === 0n || carried >= WRAP * bits[index]! * MS_PER_S)
    isImplausible ||= speed !== 0n && delta * bits[index]! * PLAUSIBLE.d > carried * PLAUSIBLE.n
  }
  if (isRestarted(before.at, at)) {
    // After a restart only 64-bit counters are known to have gone on: a 32-bit one may have wrapped.
    if (isRebooted || isFallen || isNarrow) return 'restart'
  } else if (isFallen) return 'reset'
  if (isUnmeasurable) return 'unmeasurable'
  return isImplausible ? 'implausible' : undefined
}

/** The longest time between two readings, milliseconds. */
function elapsedMs(before: ReadAt, now: ReadAt): bigint {
  return BigInt(Math.max(0, Math.ceil(now.receivedMs - before.sentMs)))
}
