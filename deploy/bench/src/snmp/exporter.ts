import { access, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { COLUMN, SCALAR, WIDE } from '@vouch/agent/snmp/mib.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startProgram } from '../child.ts'
import { freePort } from '../port.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'

/** Where Debian's package puts it. */
const PROGRAM = '/usr/bin/prometheus-snmp-exporter'
const START_MAX_MS = 30_000
const START_POLL_MS = 50
/** Scrapes before those that count. */
const WARM = 20
const COUNTERS = ['ifHCInOctets', 'ifHCOutOctets', 'ifHCInUcastPkts', 'ifHCOutUcastPkts']

/** True where the program is installed. */
export async function hasSnmpExporter(): Promise<boolean> {
  return access(PROGRAM).then(
    () => true,
    () => false,
  )
}

/** An exporter that runs. */
export interface Exporter {
  /** What it needs for so many polls, one every so many milliseconds, or one after another where that is 0. */
  readonly measure: (polls: number, everyMs: number) => Promise<Cost>
  readonly stop: () => Promise<void>
}

/**
 * Starts the exporter for polls of a device: the columns that ours reads, and the names of interfaces as labels. Throws
 * UNAVAILABLE; INTERNAL where an answer lacks counters.
 */
export async function startExporter(
  directory: string,
  target: string,
  interfaces: number,
): Promise<Exporter> {
  const port = await freePort()
  const config = join(directory, 'snmp.yml')
  await writeFile(config, JSON.stringify({ bench: moduleOf() }))
  const child = startProgram(PROGRAM, [`--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`])
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const scrape = (): Promise<string> => textOf(agent, port, `/snmp?target=${target}&module=bench`)
  const scrapes = async (count: number, everyMs: number): Promise<void> => {
    const startedMs = performance.now()
    for (let poll = 0; poll < count; poll++) {
      if (everyMs > 0) await sleep(Math.max(0, startedMs + poll * everyMs - performance.now()))
      await scrape()
    }
  }
  const stop = async (): Promise<void> => {
    agent.destroy()
    await child.stop()
  }
  try {
    await Promise.race([answering(agent, port), child.failed])
    const found = (await scrape()).match(/^ifHC\w+\{.*ifName="xe-.*\} \S+$/gm)?.length ?? 0
    if (found !== COUNTERS.length * interfaces)
      throwFault('INTERNAL', `the exporter reads ${found} counters of ${COUNTERS.length * interfaces}`)
    await scrapes(WARM, 0)
  } catch (error) {
    await stop()
    throw error
  }
  return { measure: (polls, everyMs) => measure(child.pid, () => scrapes(polls, everyMs)), stop }
}

/** As the exporter's generator would write it. */
function moduleOf(): object {
  const dotted = (oid: readonly number[]): string => oid.join('.')
  const indexes = [{ labelname: 'ifIndex', type: 'gauge' }]
  const lookup = (labelname: string, oid: readonly number[]): object => ({
    labels: ['ifIndex'],
    labelname,
    oid: dotted(oid),
    type: 'DisplayString',
  })
  const lookups = [lookup('ifName', COLUMN.ifName), lookup('ifDescr', COLUMN.ifDescr)]
  const counters = COUNTERS.map((name, index) => ({
    name,
    oid: dotted(WIDE[index]!),
    type: 'counter',
    help: name,
    indexes,
    lookups,
  }))
  const discontinuity = {
    name: 'ifCounterDiscontinuityTime',
    oid: dotted(COLUMN.ifCounterDiscontinuityTime),
    type: 'gauge',
    help: 'ifCounterDiscontinuityTime',
    indexes,
    lookups,
  }
  const single = (name: 'sysUpTime' | 'ifTableLastChange'): object => ({
    name,
    oid: dotted(SCALAR[name]),
    type: 'gauge',
    help: name,
  })
  const walked = [COLUMN.ifDescr, COLUMN.ifName, COLUMN.ifCounterDiscontinuityTime, ...WIDE]
  return {
    walk: walked.map(dotted),
    get: [SCALAR.sysUpTime, SCALAR.ifTableLastChange].map(dotted),
    metrics: [single('sysUpTime'), single('ifTableLastChange'), ...counters, discontinuity],
    version: 2,
    auth: { community: 'public' },
  }
}

async function answering(agent: Agent, port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MAX_MS
  while ((await textOf(agent, port, '/').catch(() => '')) === '') {
    if (performance.now() > deadlineMs) throwFault('UNAVAILABLE', 'the exporter does not answer')
    await sleep(START_POLL_MS)
  }
}

function textOf(agent: Agent, port: number, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  get({ agent, host: '127.0.0.1', port, path }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk))
    response.on('error', reject)
    response.on('end', () => {
      if (response.statusCode === 200) resolve(text)
      else reject(new Error(`the exporter answered ${response.statusCode}: ${text}`))
    })
  }).on('error', reject)
  return promise
}
