import { integer } from '@vouch/proto/kernel/config.ts'

/** Settings of the agents that collectors dial, part of the collector's. */
export const PULL_SETTINGS = {
  pullLeaseMs: {
    env: 'VOUCH_COLLECTOR_PULL_LEASE_MS',
    describe: 'Silence of a collector after which others dial the agents that it dialled',
    parse: integer({ min: 300, max: 600_000 }),
    fallback: 6_000,
  },
  pullRetryMaxMs: {
    env: 'VOUCH_COLLECTOR_PULL_RETRY_MAX_MS',
    describe: 'Longest pause before an agent that was not reached is dialled again',
    parse: integer({ min: 100, max: 3_600_000 }),
    fallback: 30_000,
  },
}
