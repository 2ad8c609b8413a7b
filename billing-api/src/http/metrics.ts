import type { FastifyInstance } from 'fastify'
import { Counter, Histogram, Registry } from 'prom-client'

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60]

/** Counts and times requests by route, and serves the figures at /metrics. */
export function metered(app: FastifyInstance): void {
  const registry = new Registry()
  const labelNames = ['method', 'route', 'status'] as const
  const requests = new Counter({
    name: 'vouch_billing_http_requests_total',
    help: 'Requests answered',
    labelNames,
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'vouch_billing_http_request_seconds',
    help: 'Time from request to answer',
    labelNames,
    buckets: SECONDS,
    registers: [registry],
  })
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern, not its path: a label for each id would fill the memory of whoever collects them.
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: `${reply.statusCode}`,
    }
    requests.inc(labels)
    durations.observe(labels, reply.elapsedTime / 1000)
  })
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
}
