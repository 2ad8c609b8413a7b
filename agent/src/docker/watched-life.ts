import type { Clock } from '../ports.ts'
import { instantAt } from '../reading/moment.ts'
import type { Instant } from '../reading/moment.ts'
import type { WatchedLife } from './container.ts'
import type { KeptContainer } from './kept-state.ts'
import type { Life } from './life.ts'

/** A life that begins to be watched. */
export function watchedLife(
  { life, startedMs }: Life,
  now: Instant,
  known: { readonly fromZero: boolean; readonly confirmed: boolean },
): WatchedLife {
  return {
    life,
    startedMs,
    started: instantAt(startedMs, now),
    opens: known.fromZero,
    fromZero: known.fromZero,
    reader: undefined,
    counters: {},
    parent: undefined,
    confirmed: known.confirmed,
    runningMs: 0,
    firstHeld: undefined,
    held: undefined,
    ended: undefined,
  }
}

/** A life that an earlier run watched: its start stays where it was on the boot-time clock, whatever the wall clock did. */
export function resumedLife(kept: KeptContainer, now: Instant): WatchedLife {
  const life = watchedLife(kept, now, { fromZero: false, confirmed: false })
  const started = { ...life.started, boottimeMs: kept.startedBoottimeMs }
  const { lastedMs, parent, counters } = kept
  return {
    ...life,
    started,
    parent,
    counters,
    ended: lastedMs === undefined ? undefined : after(started, lastedMs),
  }
}

/** An instant some milliseconds after another one. */
export function after(at: Instant, ms: number): Instant {
  return { wallMs: at.wallMs + ms, monotonicMs: at.monotonicMs + ms, boottimeMs: at.boottimeMs + ms }
}

/** How far the clocks may differ over a life before one of them was set, milliseconds. */
const TOLERANCE_MS = 1000

/**
 * Milliseconds from a start to a later instant, suspend included: by the wall clock, which the engine's own times are
 * of, unless it was set meanwhile; then by the boot-time clock, which is coarser and never set.
 */
export function elapsedMs(started: Instant, until: Instant): number {
  const byBoot = until.boottimeMs - started.boottimeMs
  const byWall = until.wallMs - started.wallMs
  return Math.max(0, Math.abs(byWall - byBoot) <= TOLERANCE_MS ? byWall : byBoot)
}

/** How far an engine's start event may lie behind the start, milliseconds. */
const SAME_START_MS = 5000

/** Whether a start that was told of is that of a life known already. */
export function isSameLife(known: WatchedLife, told: Life): boolean {
  if (known.life === told.life) return true
  const lagMs = told.startedMs - known.startedMs
  const over = known.ended !== undefined && known.ended.wallMs <= told.startedMs
  return !over && lagMs >= 0 && lagMs <= SAME_START_MS
}

/** The instant on the agent's clocks. */
export function nowOf(clock: Clock): Instant {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), boottimeMs: clock.boottimeMs() }
}
