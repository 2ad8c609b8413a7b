import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FakeCollector } from '@vouch/agent/testing/fake-collector.ts'
import { startAgent } from '../agent-process.ts'
import type { Progress } from '../bench.ts'
import type { Child } from '../child.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { addressOf } from './devices.ts'
import type { SimulatorMessage } from './simulator.ts'

/** What is polled. */
export interface SnmpPlan {
  readonly devices: number
  readonly interfaces: number
  /** Milliseconds between two polls of a device. */
  readonly cadenceMs: number
  /** Cadences measured, after two in which names are read and code is compiled. */
  readonly cadences: number
}

/** What the agent did. */
export interface OursSnmp {
  readonly cost: Cost
  /** Questions to devices while it was measured. */
  readonly questions: number
  /** Polls that arrived as readings, and those that are missing between two others or at an end. */
  readonly polls: number
  readonly missed: number
}

const WARM_CADENCES = 2
/** Polls of a device are a cadence apart, but for the time that each takes. */
const APART = 1.5

/** An agent with the source snmp polls all devices of a simulator; `during` goes on while it is measured. */
export async function measureSnmp(
  directory: string,
  port: number,
  simulator: Child,
  { devices, cadenceMs, cadences }: SnmpPlan,
  progress: Progress,
  during: () => Promise<void>,
): Promise<OursSnmp> {
  const count = async (): Promise<number> =>
    (await simulator.ask({ do: 'count' } satisfies SimulatorMessage)) as number
  const file = join(directory, 'devices.yaml')
  const list = Array.from({ length: devices }, (_, device) => ({
    name: nameOf(device),
    address: `${addressOf(device)}:${port}`,
    version: '2c',
    community: 'public',
    cadenceMs,
    interfaces: { include: ['*'] },
  }))
  await writeFile(file, JSON.stringify({ devices: list }))
  progress('the agent reads the names of all interfaces')
  const agent = await startAgent(directory, {
    VOUCH_AGENT_SOURCES: 'snmp',
    VOUCH_AGENT_SNMP_FILE: file,
  })
  const startedMs = Date.now()
  let measured: Pick<OursSnmp, 'cost' | 'questions'>
  try {
    await sleep(WARM_CADENCES * cadenceMs)
    progress(`${cadences} polls of each device`)
    const polling = async (): Promise<typeof measured> => {
      const before = await count()
      const cost = await measure(agent.child.pid, () => sleep(cadences * cadenceMs))
      return { cost, questions: (await count()) - before }
    }
    ;[measured] = await Promise.race([Promise.all([polling(), during()]), agent.child.failed])
  } finally {
    await agent.stop()
  }
  const elapsedMs = Date.now() - startedMs
  return { ...measured, ...pollsOf(agent.collector, devices, { cadenceMs, elapsedMs }) }
}

function nameOf(device: number): string {
  return `edge-${device}`
}

/** Looks at one counter of each device: the others come out of the same answers. */
function pollsOf(
  { arrived, definitions }: FakeCollector,
  devices: number,
  { cadenceMs, elapsedMs }: { readonly cadenceMs: number; readonly elapsedMs: number },
): { polls: number; missed: number } {
  const times = new Map<string, number[]>()
  for (const { columns } of arrived) {
    let row = 0
    for (const [segment, rows] of columns.segmentRows.entries()) {
      const at = 16 * (columns.segmentStream[segment] ?? 0)
      const stream = definitions.get(columns.streamIds.subarray(at, at + 16).toHex())
      if (stream?.meter === 'interface.octets.in' && stream.resource.endsWith('%2F1')) {
        const own = times.get(stream.resource) ?? []
        times.set(stream.resource, own)
        own.push(...Array.from(columns.timeMs.subarray(row, row + rows), Number))
      }
      row += rows
    }
  }
  const due = Math.floor(elapsedMs / cadenceMs)
  let [polls, missed] = [0, (devices - times.size) * due]
  for (const own of times.values()) {
    const sorted = [...new Set(own)].toSorted((a, b) => a - b)
    polls += sorted.length
    missed += Math.max(0, due - sorted.length)
    missed += sorted.filter((ms, index) => index > 0 && ms - sorted[index - 1]! > APART * cadenceMs).length
  }
  return { polls, missed }
}
