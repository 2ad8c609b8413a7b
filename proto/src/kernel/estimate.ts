const HOUR_MS = 3_600_000

/** Longest gap that is estimated where the rule does not say, hours: what lasts beyond three days is looked at by people. */
export const LONGEST_HOURS = 72

/** So far before a gap an hour is looked for that stands in for it, milliseconds. */
export const LOOKBACK_MS = 7 * 24 * HOUR_MS
