import type { ClickHouseStore } from './clickhouse/store.ts'
import type { Clock, Logger } from './ports.ts'

/** Between two looks, milliseconds: well within the time after which a collector counts as dead. */
const LOOK_MS = 15_000

/** What the task works with. */
export interface RecoverTaskParts {
  readonly store: Pick<ClickHouseStore, 'recover'>
  readonly clock: Clock
  readonly logger: Logger
  /** So many batches were made up for. */
  readonly recovered: (batches: number) => void
}

/** Stores, again and again until it is stopped, what collectors that died left undone. */
export function startRecoverTask({ store, clock, logger, recovered: note }: RecoverTaskParts): {
  readonly stop: () => Promise<void>
} {
  const stopping = new AbortController()
  const { signal } = stopping
  const loop = (async () => {
    while (!signal.aborted) {
      const recovered = await store.recover()
      if (!recovered.ok) logger.warn({ fault: recovered.fault }, 'readings of a cut insert not placed yet')
      else if (recovered.value > 0) {
        note(recovered.value)
        logger.info({ batches: recovered.value }, 'readings of a cut insert placed')
      }
      if (!signal.aborted) await clock.sleep(LOOK_MS, signal)
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await loop
    },
  }
}
