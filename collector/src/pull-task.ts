import { randomBytes } from 'node:crypto'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { ServerCertificate } from '@vouch/proto/wire/tls.ts'
import type { CollectorConfig } from './config.ts'
import type { PullRegistry } from './fleet/pull-ports.ts'
import { pullDialler } from './grpc/pull.ts'
import type { Pipeline } from './pipeline.ts'
import type { Clock, Logger } from './ports.ts'
import { Puller } from './session/puller.ts'
import type { PullTelemetry } from './session/puller.ts'

/** What dialling agents is put together from. */
export interface PullTaskParts {
  readonly config: CollectorConfig
  /** What this collector shows to agents too; undefined without TLS. */
  readonly certificate: ServerCertificate | undefined
  readonly pipeline: Pipeline
  readonly registry: PullRegistry
  readonly telemetry: PullTelemetry
  readonly logger: Logger
  readonly clock: Clock
  /** This collector, for operators. */
  readonly collector: string
}

/** Room in a frame beside the largest batch. */
const FRAME_SLACK_BYTES = 65_536
const NAME_BYTES = 6

/** Begins to dial the agents that are this collector's to dial. Throws a FaultError: CONFIG_INVALID. */
export async function startPuller(parts: PullTaskParts): Promise<Puller> {
  const { certificate, collector, config, pipeline } = parts
  const dial = unwrap(
    await pullDialler({
      certificate,
      caFile: config.tlsCaFile,
      timeoutMs: config.helloTimeoutMs,
      frameBytesMax: config.batchBytesMax + FRAME_SLACK_BYTES,
    }),
  )
  const puller = new Puller({
    ...parts,
    dial,
    converse: (wire) => pipeline.converse(wire),
    sessions: pipeline.sessions,
    random: Math.random,
    holder: `${collector} ${randomBytes(NAME_BYTES).toString('hex')}`,
    leaseMs: config.pullLeaseMs,
    retryMaxMs: config.pullRetryMaxMs,
    agentsMax: config.connectionsMax,
  })
  puller.start()
  return puller
}
