import type { Server } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { PolicyService } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { addService } from '@vouch/proto/wire/grpc.ts'
import type { CollectorConfig } from './config.ts'
import { enrolmentHandlers } from './grpc/enrolment.ts'
import { HEALTH_SERVICE, healthHandlers } from './grpc/health.ts'
import { policyHandlers } from './grpc/policy.ts'
import { pushHandler } from './grpc/push.ts'
import { Sessions } from './grpc/sessions.ts'
import { Committer } from './intake/committer.ts'
import { Intake } from './intake/intake.ts'
import type { Archive, Clock, Fleet, Logger, Telemetry } from './ports.ts'

/** What the services are wired from. */
export interface Parts {
  readonly config: CollectorConfig
  readonly archive: Archive
  readonly fleet: Fleet
  readonly signer: Signer
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly ready: () => Promise<boolean>
}

/** The services, at work. */
export interface Services {
  readonly committer: Committer
  readonly sessions: Sessions
}

const SPAN_MAX_MS = 3_600_000
const EPOCHS_MAX = 500_000
const ORPHAN_DELIVERIES = 3
const ORPHAN_AGE_MS = 600_000
const COMMIT_ATTEMPTS_MAX = 4
const COMMIT_RETRY_MS = 200
const RETRY_AFTER_MS = 1_000

/** Adds every service to a server. */
export function addServices(server: Server, parts: Parts): Services {
  const { config, archive, fleet, logger, telemetry, clock, signer } = parts
  const { now } = clock
  const sessions = new Sessions(
    { streamsMax: config.connectionsMax, streamsPerAgentMax: config.connectionsPerAgentMax },
    telemetry,
  )
  const committer = new Committer({
    archive,
    logger,
    telemetry,
    clock,
    limits: {
      rowsMax: config.commitRowsMax,
      bytesMax: config.commitBytesMax,
      waitMs: config.commitWaitMs,
      pendingBytesMax: config.pendingBytesMax,
      attemptsMax: COMMIT_ATTEMPTS_MAX,
      retryMs: COMMIT_RETRY_MS,
    },
    onFork: ({ lane, batch }) => {
      const fault = fail(
        'AGENT_QUARANTINED',
        batch.fault?.message ?? 'the history of this agent contradicts itself',
      ).fault
      logger.error({ agent: lane.agentId.toHex(), fault }, 'agent quarantined')
      // Should this fail, the agent's next batch brings it here again.
      void fleet.bar(lane.agentId, 'quarantined', fault.message)
      sessions.end(lane.agentId.toHex(), fault)
    },
  })
  const limits = {
    rowsMax: config.batchRowsMax,
    streamsMax: config.streamsPerAgentMax,
    futureMaxMs: config.futureMaxMs,
    ageMaxMs: config.ageMaxMs,
    spanMaxMs: SPAN_MAX_MS,
    aheadMaxMs: config.futureMaxMs,
    behindMaxMs: config.clockBehindWarnMs,
    batchBytesMax: config.batchBytesMax,
    epochsMax: EPOCHS_MAX,
    orphanDeliveries: ORPHAN_DELIVERIES,
    orphanAgeMs: ORPHAN_AGE_MS,
  }
  const intake = new Intake({ archive, committer, limits, logger, telemetry, now })
  const session = {
    streamsMax: config.streamsPerAgentMax,
    windowBatches: config.windowBatches,
    retryAfterMs: RETRY_AFTER_MS,
    helloTimeoutMs: config.helloTimeoutMs,
    batchBytesMax: config.batchBytesMax,
  }
  const push = pushHandler({ ...session, fleet, signer, now, intake, committer, archive, sessions, logger })
  addService(server, IngestService, { push })
  addService(server, EnrolmentService, enrolmentHandlers({ fleet, archive, signer, logger, now }))
  addService(server, PolicyService, policyHandlers({ fleet, signer, logger, now }))
  server.addService(HEALTH_SERVICE, healthHandlers(parts.ready))
  return { committer, sessions }
}
