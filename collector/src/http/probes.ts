import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Registry } from 'prom-client'

/** A small HTTP server for operators. */
export interface Probes {
  readonly address: string
  readonly stop: () => Promise<void>
}

/** What the probes show. */
export interface ProbeSources {
  readonly registry: Registry
  /** What keeps the service from working; empty = ready. */
  readonly obstacles: () => Promise<readonly Fault[]>
}

/** Serves /livez, /readyz (asks both stores) and /metrics. Fault: PORT_IN_USE. */
export async function serveProbes(listen: string, sources: ProbeSources): Promise<Result<Probes>> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', response, sources).catch(() => response.destroy())
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
        await new Promise<void>((closed) => {
          server.close(() => closed())
        })
      }
      resolve(ok({ address: `${listen.slice(0, colon)}:${port}`, stop }))
    })
  })
}

async function answer(path: string, response: ServerResponse, sources: ProbeSources): Promise<void> {
  if (path === '/livez') response.end('ok\n')
  else if (path === '/metrics') {
    response.setHeader('content-type', sources.registry.contentType)
    response.end(await sources.registry.metrics())
  } else if (path === '/readyz') {
    const obstacles = await sources.obstacles()
    response.statusCode = obstacles.length === 0 ? 200 : 503
    response.end(
      obstacles.length === 0
        ? 'ok\n'
        : obstacles.map(({ code, message }) => `${code}: ${message}\n`).join(''),
    )
  } else {
    response.statusCode = 404
    response.end('not found\n')
  }
}
