import { longest } from './policy.ts'
import type { ClassRetention, RetentionPolicy } from './policy.ts'

/** The tables whose rows have a policy. */
export const RETAINED_TABLES = ['segments', 'lattice', 'batches'] as const

/** One of them. */
export type RetainedTable = (typeof RETAINED_TABLES)[number]

/** The instant that a row's age counts from: the last reading's of a segment or batch, the hour's. */
export const AGE_COLUMN: Readonly<Record<RetainedTable, string>> = {
  segments: 'last_time',
  lattice: 'hour',
  batches: 'last_time',
}

/** The TTL clause of a table under a policy, without the word TTL; empty = rows stay where and as they are. */
export function ttlOf(table: RetainedTable, policy: RetentionPolicy): string {
  const after = (days: number): string => `toDateTime(${AGE_COLUMN[table]}) + toIntervalDay(${days})`
  const deletions =
    table === 'batches'
      ? wherever(policy.batchesDays, after)
      : byClass(policy, table === 'segments' ? 'readingsDays' : 'hoursDays', after)
  const { coldAfterDays, coldVolume } = policy
  // The engine moves whole parts, so this rule knows no classes.
  const move = coldAfterDays === undefined ? [] : [`${after(coldAfterDays)} TO VOLUME '${coldVolume}'`]
  return [...deletions, ...move].join(', ')
}

type After = (days: number) => string

function wherever(days: number | undefined, after: After): string[] {
  return days === undefined ? [] : [after(days)]
}

function byClass(policy: RetentionPolicy, member: keyof ClassRetention, after: After): string[] {
  if (policy.classes.size === 0) return wherever(policy[member], after)
  const named = [...policy.classes].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const rules = named.flatMap(([name, days]) =>
    wherever(days[member], after).map((rule) => `${rule} WHERE class = '${name}'`),
  )
  const names = named.map(([name]) => `'${name}'`).join(', ')
  const others = wherever(policy[member], after).map((rule) => `${rule} WHERE class NOT IN ('', ${names})`)
  // Rows from before classes were stored may be of any: they stay as long as the longest.
  const days = longest([policy[member], ...named.map(([, retention]) => retention[member])])
  return [...rules, ...others, ...wherever(days, after).map((rule) => `${rule} WHERE class = ''`)]
}

/** Days by class as the log of policies keeps them: the empty name is every other class, 0 is for ever. */
export function daysByClass(
  policy: RetentionPolicy,
  member: keyof ClassRetention,
): Readonly<Record<string, number>> {
  const all: [string, ClassRetention][] = [['', policy], ...policy.classes]
  return Object.fromEntries(all.map(([name, retention]) => [name, retention[member] ?? 0]))
}
