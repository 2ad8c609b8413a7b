import { type ServerResponse, createServer } from 'node:http'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { Registry, collectDefaultMetrics } from 'prom-client'
import type { Reader } from '../clickhouse/reader.ts'

/** A small HTTP server for operators. */
export interface Probes {
  readonly address: string
  readonly stop: () => Promise<void>
}

/** Serves /livez, /readyz (asks the store) and /metrics. Fault: PORT_IN_USE. */
export async function serveProbes(listen: string, reader: Reader): Promise<Result<Probes>> {
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })
  const server = createServer((request, response) => {
    answer(request.url ?? '/', response, metrics, reader).catch(() => response.destroy())
  })
  const colon = listen.lastIndexOf(':')
  const host = listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve) => {
    server.once('error', (error) =>
      resolve(fail('PORT_IN_USE', `cannot listen on ${listen}: ${error.message}`)),
    )
    server.listen(Number.parseInt(listen.slice(colon + 1), 10), host, () => {
      const bound = server.address()
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0
      const stop = async (): Promise<void> => {
        server.closeAllConnections()
        await new Promise<void>((closed) => server.close(() => closed()))
      }
      resolve(ok({ address: `${listen.slice(0, colon)}:${port}`, stop }))
    })
  })
}

async function answer(
  path: string,
  response: ServerResponse,
  metrics: Registry,
  reader: Reader,
): Promise<void> {
  if (path === '/livez') response.end('ok\n')
  else if (path === '/metrics') {
    response.setHeader('content-type', metrics.contentType)
    response.end(await metrics.metrics())
  } else if (path === '/readyz') {
    const result = await reader.rows({
      sql: 'SELECT 1 FROM {database:Identifier}.usage_hours_v1 LIMIT 0',
      params: {},
    })
    response.statusCode = result.ok ? 200 : 503
    response.end(result.ok ? 'ok\n' : `${result.fault.code}: ${result.fault.message}\n`)
  } else {
    response.statusCode = 404
    response.end('not found\n')
  }
}
