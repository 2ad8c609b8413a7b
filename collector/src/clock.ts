import { setTimeout as timeout } from 'node:timers/promises'
import type { Clock } from './ports.ts'

/** The machine's clock. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    timeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
}
