import { access } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startProgram } from '../child.ts'
import { freePort } from '../port.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { WriteRequests } from './remote-write.ts'
import { BATCH } from './shape.ts'
import type { LoadShape } from './shape.ts'

/** Where Debian's package puts it. */
const PROGRAM = '/usr/bin/victoria-metrics'
/** Requests under way: Prometheus begins with one and adds shards as they are needed. */
const AT_ONCE = 4
const START_MAX_MS = 30_000

/** True where the program is installed. */
export async function hasVictoriaMetrics(): Promise<boolean> {
  return access(PROGRAM).then(
    () => true,
    () => false,
  )
}

/**
 * What VictoriaMetrics needs for the same number of samples of as many series, by remote write, one sample of a series
 * a request and at most so many series; the warm-up makes the series known. Throws a FaultError: UNAVAILABLE, INTERNAL.
 */
export async function measureVictoriaMetrics(
  directory: string,
  shape: LoadShape,
  seriesMax: number,
): Promise<Cost> {
  const port = await freePort()
  const listen = `127.0.0.1:${port}`
  const child = startProgram(PROGRAM, [`-storageDataPath=${directory}`, `-httpListenAddr=${listen}`])
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const post = (body: Uint8Array): Promise<void> => send(agent, port, body)
  try {
    await Promise.race([listening(port), child.failed])
    const requests = new WriteRequests(shape.agents, BATCH.streams, seriesMax)
    const warmScrapes = shape.warmBatches * BATCH.rows
    const scrapes = shape.batches * BATCH.rows
    const startMs = Date.now() - (warmScrapes + scrapes + 1) * BATCH.spacingMs
    const deliver = async (from: number, count: number): Promise<void> => {
      const iterator = requests.scrapes(startMs + from * BATCH.spacingMs, BATCH.spacingMs, from, count)
      const sender = async (): Promise<void> => {
        for (const body of iterator) await post(body)
      }
      await Promise.race([Promise.all(Array.from({ length: AT_ONCE }, sender)), child.failed])
    }
    await deliver(0, warmScrapes)
    const cost = await measure(child.pid, () => deliver(warmScrapes, scrapes))
    const stored = await rowsInserted(port)
    const sent = (warmScrapes + scrapes) * shape.agents * BATCH.streams
    if (stored !== sent) throwFault('INTERNAL', `VictoriaMetrics counts ${stored} samples of ${sent} sent`)
    return cost
  } finally {
    agent.destroy()
    await child.stop()
  }
}

async function listening(port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MAX_MS
  for (;;) {
    const answered = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
    if (answered?.ok === true) return
    if (performance.now() > deadlineMs)
      throwFault('UNAVAILABLE', `VictoriaMetrics does not answer on ${port}`)
    await sleep(50)
  }
}

async function send(agent: Agent, port: number, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'Content-Type': 'application/x-protobuf',
      'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': '0.1.0',
      'Content-Length': body.length,
    }
    const options = { agent, host: '127.0.0.1', port, path: '/api/v1/write', method: 'POST', headers }
    const call = request(options, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 204) resolve()
        else reject(new Error(`VictoriaMetrics answered ${response.statusCode}`))
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

/** Samples that it says it took in by remote write. */
async function rowsInserted(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(/^vm_rows_inserted_total\{type="promremotewrite"\} (\S+)$/m.exec(text)?.[1])
}
