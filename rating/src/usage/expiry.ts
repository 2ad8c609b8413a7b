/** Which retention came into force when: an entry before the tables changed, and one after. */
export interface RetentionEntry {
  readonly atMs: number
  /** Whether the change was done by then, or only about to be. */
  readonly applied: boolean
  /** Days by class of meter; the empty name is every other class, 0 is for ever. */
  readonly readingsDays: Readonly<Record<string, number>>
  readonly hoursDays: Readonly<Record<string, number>>
}

const DAY_MS = 86_400_000
/** Deletion that was under way when a policy ended may go on for a while. */
const LAG_MS = DAY_MS

/** The class of a meter: its name without the last word. */
export function classOf(meter: string): string {
  return meter.slice(0, Math.max(meter.lastIndexOf('.'), 0))
}

/**
 * The instant before which rows of a class may have been deleted, by any policy that was ever in force;
 * 0 = none was. What an engine really deleted lags behind, part by part, so only this says what is whole.
 */
export function expiredBeforeMs(
  log: readonly RetentionEntry[],
  member: 'readingsDays' | 'hoursDays',
  name: string,
  nowMs: number,
): number {
  const days = (entry: RetentionEntry): number => entry[member][name] ?? entry[member][''] ?? 0
  const ordered = log.toSorted((a, b) => a.atMs - b.atMs)
  const horizons = ordered.map((entry, i) => {
    const kept = days(entry)
    if (kept === 0) return 0
    const next = ordered.slice(i + 1).find((later) => later.applied && days(later) !== kept)
    const inForceUntilMs = next === undefined ? nowMs : Math.min(nowMs, next.atMs + LAG_MS)
    return inForceUntilMs - kept * DAY_MS
  })
  return Math.max(0, ...horizons)
}
