import { integer, text } from '@vouch/proto/kernel/config.ts'
import { RETENTION_DAYS_MAX, parseRetentionClasses } from './retention/policy.ts'

const days = integer({ min: 1, max: RETENTION_DAYS_MAX })
const name = text({ pattern: /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/ })

/** Settings of retention, part of the collector's. Without any, everything is kept for ever. */
export const RETENTION_SETTINGS = {
  retentionReadingsDays: {
    env: 'VOUCH_COLLECTOR_RETENTION_READINGS_DAYS',
    describe: 'Days that readings are kept; without it for ever',
    parse: days,
    fallback: undefined,
  },
  retentionHoursDays: {
    env: 'VOUCH_COLLECTOR_RETENTION_HOURS_DAYS',
    describe: 'Days that the hourly lattice is kept; without it for ever',
    parse: days,
    fallback: undefined,
  },
  retentionBatchesDays: {
    env: 'VOUCH_COLLECTOR_RETENTION_BATCHES_DAYS',
    describe: 'Days that signed batches are kept; without it as long as the longest readings',
    parse: days,
    fallback: undefined,
  },
  retentionColdAfterDays: {
    env: 'VOUCH_COLLECTOR_RETENTION_COLD_AFTER_DAYS',
    describe: 'Days after which data moves to the cold volume; without it never',
    parse: days,
    fallback: undefined,
  },
  retentionClasses: {
    env: 'VOUCH_COLLECTOR_RETENTION_CLASSES',
    describe:
      'Classes of meters with days of their own: host.network:readingsDays=400,hoursDays=forever;host.disk:…',
    parse: parseRetentionClasses,
    fallback: undefined,
  },
  clickhouseStoragePolicy: {
    env: 'VOUCH_CLICKHOUSE_STORAGE_POLICY',
    describe: 'Storage policy of the tables; it must have the volume that they are on',
    parse: name,
    fallback: undefined,
  },
  clickhouseColdVolume: {
    env: 'VOUCH_CLICKHOUSE_COLD_VOLUME',
    describe: 'Volume of that policy for data that has become cold',
    parse: name,
    fallback: 'cold',
  },
} as const
