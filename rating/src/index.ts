import { Server } from '@grpc/grpc-js'
import type { ClickHouseClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { bind, serverCredentials } from '@vouch/proto/wire/listen.ts'
import { createArchive } from './clickhouse/archive.ts'
import { createPins } from './clickhouse/pins.ts'
import { createReader } from './clickhouse/reader.ts'
import { createUsageStore } from './clickhouse/usage-store.ts'
import type { RatingConfig } from './config.ts'
import { addRatingService } from './grpc/rating-service.ts'
import { serveProbes } from './http/probes.ts'
import type { Logger } from './rate/ports.ts'

export { type RatingConfig, readRatingConfig } from './config.ts'

const SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024

/** What the rating service is made of. */
export interface RatingOptions {
  readonly config: RatingConfig
  /** Opens one more client; rating closes those it opened. */
  readonly clickhouse: () => ClickHouseClient | Promise<ClickHouseClient>
  readonly logger: Logger
}

/** A rating service. */
export interface Rating {
  /** Listens. Gives the addresses with their real ports. Throws a FaultError: CONFIG_…, PORT_IN_USE. */
  start(): Promise<{ readonly address: string; readonly httpAddress: string | undefined }>
  /** Finishes calls under way, then closes. Safe to call twice. */
  stop(): Promise<void>
}

const RUNS_MAX = 10_000
const STOP_MS = 10_000

/** Creates the rating service: arithmetic over the collector's views, and pins of evidence. */
export function createRating({ config, clickhouse, logger }: RatingOptions): Rating {
  const reader = createReader(clickhouse, config.clickhouseDatabase, config.queriesMax)
  const server = new Server({
    'grpc.enable_channelz': 0,
    // Snapshots hold their evidence: more than grpc-js takes by default.
    'grpc.max_receive_message_length': SNAPSHOT_BYTES_MAX,
  })
  addRatingService(server, {
    store: createUsageStore(reader),
    archive: createArchive(reader),
    pins: createPins(reader),
    limits: { linksMax: config.chainLinksMax, runsMax: RUNS_MAX },
    logger,
  })
  let stopProbes = async (): Promise<void> => {}
  return {
    start: async () => {
      const credentials = unwrap(await serverCredentials(config.listen, config))
      const address = unwrap(await bind(server, config.listen, credentials, 'VOUCH_RATING_LISTEN'))
      const probes =
        config.httpListen === undefined ? undefined : unwrap(await serveProbes(config.httpListen, reader))
      if (probes !== undefined) stopProbes = probes.stop
      logger.info({ address, httpAddress: probes?.address }, 'rating listens')
      return { address, httpAddress: probes?.address }
    },
    stop: async () => {
      await stopProbes()
      await new Promise<void>((resolve) => {
        const forced = setTimeout(() => server.forceShutdown(), STOP_MS)
        server.tryShutdown(() => {
          clearTimeout(forced)
          resolve()
        })
      })
      await reader.close()
    },
  }
}
