import type { Server } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { PolicyService } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { addService } from '@vouch/proto/wire/grpc.ts'
import { enrolmentHandlers } from './grpc/enrolment.ts'
import { HEALTH_SERVICE, healthHandlers } from './grpc/health.ts'
import { policyHandlers } from './grpc/policy.ts'
import { pushHandler } from './grpc/push.ts'
import type { Strangers } from './grpc/strangers.ts'
import { createPipeline } from './pipeline.ts'
import type { Pipeline, PipelineParts } from './pipeline.ts'

/** What the services are wired from. */
export interface Parts extends PipelineParts {
  readonly ready: () => Promise<boolean>
  readonly strangers: Strangers
}

/** Adds every service to a server. */
export function addServices(server: Server, parts: Parts): Pipeline {
  const { archive, fleet, logger, clock, signer, strangers } = parts
  const { now } = clock
  const pipeline = createPipeline(parts)
  addService(server, IngestService, {
    push: pushHandler({ ...pipeline, logger, strangers, now: () => performance.now() }),
  })
  addService(server, EnrolmentService, enrolmentHandlers({ fleet, archive, signer, logger, now }))
  addService(server, PolicyService, policyHandlers({ fleet, signer, logger, now }))
  server.addService(HEALTH_SERVICE, healthHandlers(parts.ready))
  return pipeline
}
