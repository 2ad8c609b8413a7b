import { createServer } from 'node:http'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { Gauge, Registry } from 'prom-client'
import type { SourceFault } from '../ports.ts'

/** A running listener. */
export interface Metrics {
  /** The port taken. */
  readonly port: number
  stop(): Promise<void>
}

/** What is shown. */
export interface Health {
  readonly spooledBatches: number
  readonly spooledBytes: number
  readonly pendingReadings: number
  readonly fault: Fault | undefined
  /** What is wrong with sources now. */
  readonly sourceFaults: readonly SourceFault[]
  /** Since the start. */
  readonly looks: number
  readonly readings: number
  /** Milliseconds since the last receipt; undefined before the first. */
  readonly receiptAgeMs: number | undefined
  /** Collector's clock less this host's at the last connection, milliseconds; undefined before the first. */
  readonly clockOffsetMs: number | undefined
}

/**
 * Serves /metrics, /livez (the process runs) and /readyz (batches are being delivered) at
 * `host:port`. Faults: PORT_IN_USE.
 */
export async function startMetrics(address: string, health: () => Health): Promise<Result<Metrics>> {
  const registry = registryOf(health)
  const server = createServer((request, response) => {
    const reply = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(body)
    }
    if (request.url === '/livez') reply(200, 'live\n')
    else if (request.url === '/readyz') {
      const { fault } = health()
      reply(
        fault === undefined ? 200 : 503,
        fault === undefined ? 'ready\n' : `${fault.code}: ${fault.message}\n`,
      )
    } else if (request.url === '/metrics') {
      registry.metrics().then(
        (text) => reply(200, text, registry.contentType),
        () => reply(500, 'no metrics\n'),
      )
    } else reply(404, 'not here\n')
  })
  const split = address.lastIndexOf(':')
  const [host, port] = [address.slice(0, split).replaceAll(/[[\]]/g, ''), Number(address.slice(split + 1))]
  const { promise, resolve } = Promise.withResolvers<Result<Metrics>>()
  server.once('error', () =>
    resolve(fail('PORT_IN_USE', `${address} cannot be listened on; choose another port`)),
  )
  server.listen(port, host, () => {
    const bound = server.address()
    const taken = typeof bound === 'object' && bound !== null ? bound.port : port
    resolve(ok({ port: taken, stop: () => stopped(server) }))
  })
  return promise
}

function stopped(server: ReturnType<typeof createServer>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  return promise
}

function registryOf(health: () => Health): Registry {
  const registry = new Registry()
  const gauge = (name: string, help: string, value: (of: Health) => number): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value(health()))
        },
      }),
    )
  }
  gauge('vouch_agent_spooled_batches', 'Batches without a receipt.', (of) => of.spooledBatches)
  gauge('vouch_agent_spooled_bytes', 'Octets of batches without a receipt.', (of) => of.spooledBytes)
  gauge('vouch_agent_pending_readings', 'Readings not sealed yet.', (of) => of.pendingReadings)
  gauge('vouch_agent_delivering', '1 while nothing hinders delivery.', (of) =>
    of.fault === undefined ? 1 : 0,
  )
  gauge('vouch_agent_last_receipt_age_seconds', 'Time since the last receipt; -1 before the first.', (of) =>
    of.receiptAgeMs === undefined ? -1 : of.receiptAgeMs / 1000,
  )
  gauge(
    'vouch_agent_clock_offset_seconds',
    "Collector's clock less this host's at the last connection; 0 before the first.",
    (of) => (of.clockOffsetMs ?? 0) / 1000,
  )
  gauge('vouch_agent_looks', 'Looks since the start.', (of) => of.looks)
  gauge('vouch_agent_readings', 'Readings since the start.', (of) => of.readings)
  registry.registerMetric(
    new Gauge({
      name: 'vouch_agent_source_faults',
      help: 'What is wrong with sources now.',
      labelNames: ['source', 'code'],
      registers: [],
      collect() {
        this.reset()
        for (const { source, fault } of health().sourceFaults) this.inc({ source, code: fault.code })
      },
    }),
  )
  return registry
}
