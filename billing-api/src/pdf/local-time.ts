import type { Period } from '@vouch/proto/kernel/period.ts'

/** A time of day on a calendar in the zone, with its offset: 2026-03-01 00:00 +01:00. */
export function formatLocal(ms: number, timeZone: string): string {
  const time = zoned(ms, timeZone)
  const clock = time.toPlainTime()
  const smallestUnit = clock.millisecond > 0 ? 'millisecond' : clock.second > 0 ? 'second' : 'minute'
  return `${time.toPlainDate().toString()} ${clock.toString({ smallestUnit })} ${time.offset}`
}

/** Both ends in the zone; days alone where both are midnights. */
export function formatSpan({ from, to }: Period, timeZone: string): string {
  const [start, end] = [zoned(from, timeZone), zoned(to, timeZone)]
  if (isMidnight(start) && isMidnight(end))
    return `${start.toPlainDate().toString()} to ${end.toPlainDate().toString()}`
  return `${formatLocal(from, timeZone)} to ${formatLocal(to, timeZone)}`
}

/** A span of milliseconds in days, hours, minutes and seconds. */
export function formatDuration(ms: bigint): string {
  const parts = [
    [ms / 86_400_000n, 'd'],
    [(ms / 3_600_000n) % 24n, 'h'],
    [(ms / 60_000n) % 60n, 'min'],
    [(ms / 1000n) % 60n, 's'],
    [ms % 1000n, 'ms'],
  ] as const
  const shown = parts.filter(([count]) => count > 0n).map(([count, unit]) => `${count} ${unit}`)
  return shown.length === 0 ? '0 s' : shown.join(' ')
}

function isMidnight(time: Temporal.ZonedDateTime): boolean {
  return time.startOfDay().equals(time)
}

function zoned(ms: number, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone)
}
