import { enrolmentRoutes } from './grpc/enrolment.ts'
import { createHealth } from './grpc/health.ts'
import type { Health } from './grpc/health.ts'
import { policyRoutes } from './grpc/policy.ts'
import { pushRoute } from './grpc/push.ts'
import type { Routes } from '@vouch/proto/wire/http2/route.ts'
import type { Strangers } from '@vouch/proto/wire/http2/strangers.ts'
import { createPipeline } from './pipeline.ts'
import type { Pipeline, PipelineParts } from './pipeline.ts'

/** What the services are wired from. */
export interface Parts extends PipelineParts {
  readonly ready: () => Promise<boolean>
  readonly strangers: Strangers
}

/** Every service by its paths, and what is behind them. */
export interface Services {
  readonly routes: Routes
  readonly pipeline: Pipeline
  readonly health: Health
}

/** Puts the services together. */
export function createServices(parts: Parts): Services {
  const { archive, fleet, logger, clock, signer, strangers, ready, config } = parts
  const { now } = clock
  const requestMs = config.helloTimeoutMs
  const pipeline = createPipeline(parts)
  const health = createHealth({ ready, requestMs })
  const routes = new Map([
    pushRoute({ ...pipeline, logger, strangers, now: () => performance.now() }),
    ...enrolmentRoutes({ fleet, archive, signer, logger, now, requestMs }),
    ...policyRoutes({ fleet, signer, logger, now, requestMs }),
    ...health.routes,
  ])
  return { routes, pipeline, health }
}
