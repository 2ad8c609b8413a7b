import { access } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startProgram } from '../child.ts'
import { freePort } from '../port.ts'

/** Debian's exporter of a host's counters, as a process of its own. */
export interface NodeExporter {
  readonly pid: number
  /** Asks for all metrics once, as Prometheus does; octets of the answer as they came. */
  scrape(): Promise<number>
  stop(): Promise<void>
}

const PROGRAM = '/usr/bin/prometheus-node-exporter'
const START_MAX_MS = 30_000
const START_POLL_MS = 50

/** True where the program is installed. */
export async function hasNodeExporter(): Promise<boolean> {
  return access(PROGRAM).then(
    () => true,
    () => false,
  )
}

/** Starts it on loopback with the collectors that are on by default. Throws UNAVAILABLE. */
export async function startNodeExporter(): Promise<NodeExporter> {
  const port = await freePort()
  const child = startProgram(PROGRAM, [`--web.listen-address=127.0.0.1:${port}`])
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const stop = async (): Promise<void> => {
    agent.destroy()
    await child.stop()
  }
  try {
    await Promise.race([answering(agent, port), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid, scrape: () => scrape(agent, port), stop }
}

async function answering(agent: Agent, port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MAX_MS
  while (!((await scrape(agent, port).catch(() => 0)) > 0)) {
    if (performance.now() > deadlineMs) throwFault('UNAVAILABLE', 'the exporter does not answer')
    await sleep(START_POLL_MS)
  }
}

function scrape(agent: Agent, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = { 'accept-encoding': 'gzip' }
  get({ agent, host: '127.0.0.1', port, path: '/metrics', headers }, (response) => {
    let octets = 0
    response.on('data', (chunk: Buffer) => void (octets += chunk.length))
    response.on('error', reject)
    response.on('end', () => {
      if (response.statusCode === 200) resolve(octets)
      else reject(new Error(`the exporter answered ${response.statusCode}`))
    })
  }).on('error', reject)
  return promise
}
