import type { ContainerFacts } from './engine.ts'

/** How far an engine's start event may lie behind the start it tells of, milliseconds. */
const EVENT_DELAY_MS = 5000

/** One life of a container: from one start to one end. */
export interface Life {
  readonly life: string
  readonly startedMs: number
}

/**
 * The life that a start event opened. What the engine says of the container now may already be of a later life, or
 * nothing at all; then the event itself names it.
 */
export function lifeOfStart(
  eventMs: number,
  facts: Pick<ContainerFacts, 'startedAt' | 'startedMs'> | undefined,
): Life {
  const lag = facts === undefined ? Number.NaN : eventMs - facts.startedMs
  return facts !== undefined && lag >= -1 && lag <= EVENT_DELAY_MS
    ? { life: facts.startedAt, startedMs: facts.startedMs }
    : { life: `event ${eventMs}`, startedMs: eventMs }
}

/**
 * Whether a life begins with counters at zero at its start: it began after the last look of the agent, this run's or an
 * earlier one's. Any other one had a part that nobody watched, and begins with a baseline.
 */
export function opensAtZero(startedMs: number, lastLookMs: number | undefined): boolean {
  return lastLookMs !== undefined && startedMs >= lastLookMs
}

/**
 * When a life ended of which no event told: where the engine still knows, its own figure, otherwise when the container
 * was seen last.
 */
export function endOfLife(
  { startedMs }: Life,
  seenMs: number,
  facts: Pick<ContainerFacts, 'finishedMs' | 'startedMs' | 'running'> | undefined,
): number {
  const finishedMs = facts?.finishedMs
  if (finishedMs === undefined || finishedMs < startedMs) return seenMs
  return Math.max(finishedMs, seenMs)
}

/**
 * When a life ended of which an event tells. An engine tells it once it has cleaned up, on a busy host seconds late,
 * so what is known better comes first: its own figure, then when the group was seen to be empty.
 */
export function endToldOf(
  { startedMs }: Life,
  eventMs: number,
  better: readonly (number | undefined)[],
): number {
  return better.find((ms) => ms !== undefined && ms >= startedMs && ms <= eventMs) ?? eventMs
}

/** Why a container has no octets of a network of its own; undefined = it has. */
export function networkAbsence(mode: string): string | undefined {
  if (mode === 'host') return 'a container on the network of the host has no octets of its own'
  if (mode === 'none') return 'a container without network has no octets'
  if (mode.startsWith('container:') || mode.startsWith('ns:'))
    return 'a container on the network of another one has no octets of its own'
  return undefined
}

/** Milliseconds between two readings of a container: each is a multiple of the one before. */
const PAUSES_MS = [1000, 200, 100, 20]

/**
 * Milliseconds between two readings of a container of this age: at most a fiftieth of it, so that an end costs little,
 * and few different ones, so that many containers are read when one is.
 */
export function pauseOf(ageMs: number): number {
  return PAUSES_MS.find((ms) => ms * 50 <= ageMs) ?? PAUSES_MS.at(-1)!
}
