import { randomBytes } from 'node:crypto'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { CollectorConfig } from './config.ts'
import { Committer } from './intake/committer.ts'
import { Intake } from './intake/intake.ts'
import type { IntakeLimits } from './intake/intake.ts'
import { receiptsOf } from './intake/receipt.ts'
import { Room } from './intake/room.ts'
import type { Fleet } from './fleet/ports.ts'
import type { Archive, Clock, Logger, Telemetry } from './ports.ts'
import { Ages } from './session/ages.ts'
import { converse } from './session/conversation.ts'
import { Sessions } from './session/sessions.ts'
import type { SessionLimits } from './session/sessions.ts'
import type { Wire } from './session/wire.ts'

/** What a pipeline is made of. */
export interface PipelineParts {
  readonly config: CollectorConfig
  readonly archive: Archive
  readonly fleet: Fleet
  readonly signer: Signer
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** So many random bytes; the system's by default. */
  readonly random?: (bytes: number) => Uint8Array
}

/** The way of a batch from a connection to the archive and of a receipt back, over ports only. */
export interface Pipeline {
  readonly committer: Committer
  readonly sessions: Sessions
  /** Speaks with one agent until either side ends. */
  converse(wire: Wire): Promise<void>
}

const SPAN_MAX_MS = 3_600_000
const EPOCHS_MAX = 2_000_000
const ORPHAN_DELIVERIES = 3
const ORPHAN_AGE_MS = 600_000
const COMMIT_ATTEMPTS_MAX = 4
const COMMIT_RETRY_MS = 200
const RETRY_AFTER_MS = 1_000
/** One agent may take so much of what waits for the archive: a quarter. */
const AGENT_SHARES = 4
/** An agent may catch up at once on the readings of so long a time, seconds. */
const QUOTA_BURST_S = 2
const BAR_ATTEMPTS_MAX = 8
const BAR_RETRY_MS = 200

/** Puts a pipeline together. */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { config, archive, fleet, logger, telemetry, clock, signer, random = randomBytes } = parts
  const seed = new DataView(new Uint8Array(random(4)).buffer).getUint32(0)
  const sessions = new Sessions(sessionLimits(config), telemetry)
  const receipts = receiptsOf(signer)
  const committer = new Committer({
    archive,
    receipts,
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
      const agent = lane.agentId.toHex()
      const addresses = [...new Set([...sessions.peers(agent), batch.peer])].toSorted()
      const why = batch.fault?.message ?? 'the history of this agent contradicts itself'
      const { fault } = fail('AGENT_QUARANTINED', `${why}; it came from ${addresses.join(' and ')}`)
      logger.error({ agent, addresses, fault }, 'agent quarantined')
      void quarantine(lane.agentId, fault.message, parts)
      sessions.end(agent, fault)
    },
  })
  const limits = intakeLimits(config)
  const intake = new Intake({ archive, committer, receipts, limits, seed, logger, telemetry, now: clock.now })
  const conversation = {
    archive,
    fleet,
    logger,
    clock,
    signer,
    random,
    seed,
    intake,
    committer,
    sessions,
    ages: new Ages(clock, config.connectionAgeMaxMs),
    room: new Room({
      bytesMax: config.pendingBytesMax,
      agentBytesMax: config.pendingBytesMax / AGENT_SHARES,
    }),
    streamsMax: config.streamsPerAgentMax,
    windowBatches: config.windowBatches,
    retryAfterMs: RETRY_AFTER_MS,
    helloTimeoutMs: config.helloTimeoutMs,
    connectionAgeMaxMs: config.connectionAgeMaxMs,
    batchBytesMax: config.batchBytesMax,
  }
  return { committer, sessions, converse: (wire) => converse(wire, conversation) }
}

/** The bounds of what is taken in. */
export function intakeLimits(config: CollectorConfig): IntakeLimits {
  return {
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
}

function sessionLimits(config: CollectorConfig): SessionLimits {
  const perSecond = config.readingsPerAgentPerSMax
  return {
    streamsMax: config.connectionsMax,
    streamsPerAgentMax: config.connectionsPerAgentMax,
    readings: { perSecond, burst: perSecond * QUOTA_BURST_S },
  }
}

/** Bars an agent, again where the registry does not answer: its other copy may never bring the fork here again. */
async function quarantine(
  agentId: Uint8Array,
  reason: string,
  { fleet, clock, logger }: PipelineParts,
): Promise<void> {
  for (let attempt = 0; attempt < BAR_ATTEMPTS_MAX; attempt++) {
    const barred = await fleet.bar(agentId, 'quarantined', reason)
    if (barred.ok) return
    logger.warn({ agent: agentId.toHex(), fault: barred.fault }, 'agent not quarantined yet')
    await clock.sleep(BAR_RETRY_MS * 2 ** attempt)
  }
}
