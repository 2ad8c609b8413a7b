import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineBench, integer } from '../bench.ts'
import type { Outcome, Progress } from '../bench.ts'
import { startChild } from '../child.ts'
import type { Child } from '../child.ts'
import { freePort } from '../port.ts'
import { needLinux } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { addressOf } from './devices.ts'
import { hasSnmpExporter, startExporter } from './exporter.ts'
import type { Exporter } from './exporter.ts'
import { measureSnmp } from './ours.ts'
import type { SnmpPlan } from './ours.ts'
import type { SimulatorMessage } from './simulator.ts'

/** Polls of the exporter at most, and the longest time from one to the next, milliseconds. */
const EXPORTER = { pollsMax: 1000, everyMaxMs: 100 }
const RESIDENT_MAX_BYTES = 150 * 2 ** 20
const SIMULATOR = fileURLToPath(new URL('simulator.ts', import.meta.url))

/** The agent's polls of many devices, beside Prometheus' exporter. */
export const snmpBench = defineBench(
  {
    devices: {
      describe: 'devices',
      parse: integer({ min: 1, max: 5000 }),
      fallback: 1000,
    },
    interfaces: {
      describe: 'interfaces of a device, with four counters of 64 bits each',
      parse: integer({ min: 1, max: 200 }),
      fallback: 48,
    },
    'cadence-ms': {
      describe: 'milliseconds between two polls of a device',
      parse: integer({ min: 1000, max: 3_600_000 }),
      fallback: 60_000,
    },
    cadences: {
      describe: 'polls of each device that are measured',
      parse: integer({ min: 1, max: 1000 }),
      fallback: 2,
    },
  },
  {
    name: 'snmp',
    help: `The agent's program polls simulated devices over SNMPv2c; the simulator is a process of its own. Every poll has to arrive
as readings. Beside prometheus-snmp-exporter, which polls such a device for the same columns, at the same pace and meanwhile.
ratio = processor time of a poll by the exporter ÷ that of a poll by ours, readings, signatures and delivery included: 2 is
the target, more is better. Where the exporter is not installed, ratio is 150 MiB ÷ the largest resident size.
Ends with code 1 where a poll is missing.`,
    run: ({ 'cadence-ms': cadenceMs, ...values }, progress) => benchSnmp({ ...values, cadenceMs }, progress),
  },
)

/** Measures. Throws a FaultError. */
export async function benchSnmp(plan: SnmpPlan, progress: Progress): Promise<Outcome> {
  needLinux()
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-snmp-'))
  // The exporter asks a device of its own, so that questions of ours can be counted.
  const [simulator, other] = [startChild(SIMULATOR), startChild(SIMULATOR)]
  const begin = async (child: Child, devices: number): Promise<number> => {
    const port = await freePort()
    const { interfaces } = plan
    await child.ask({ do: 'start', devices, interfaces, port } satisfies SimulatorMessage)
    return port
  }
  try {
    const port = await begin(simulator, plan.devices)
    const peer = (await hasSnmpExporter())
      ? await startExporter(directory, `${addressOf(0)}:${await begin(other, 1)}`, plan.interfaces)
      : undefined
    try {
      return await measureBoth(directory, { simulator, port }, peer, plan, progress)
    } finally {
      await peer?.stop()
    }
  } finally {
    await Promise.all([simulator.stop(), other.stop()])
    await rm(directory, { recursive: true, force: true })
  }
}

async function measureBoth(
  directory: string,
  { simulator, port }: { readonly simulator: Child; readonly port: number },
  peer: Exporter | undefined,
  plan: SnmpPlan,
  progress: Progress,
): Promise<Outcome> {
  const { cadenceMs, cadences, devices, interfaces } = plan
  const everyMs = Math.min(cadenceMs / devices, EXPORTER.everyMaxMs)
  const polls = Math.min(EXPORTER.pollsMax, Math.floor((cadences * cadenceMs) / everyMs))
  let paced: Cost | undefined
  const ours = await measureSnmp(directory, port, simulator, plan, progress, async () => {
    paced = await peer?.measure(polls, everyMs)
  })
  const measured = devices * cadences
  const cpuMsPerPoll = perPoll(ours.cost.cpuMs, measured)
  let reference: Record<string, number> = {}
  let ratio = RESIDENT_MAX_BYTES / ours.cost.peakBytes
  if (peer === undefined || paced === undefined)
    progress('not compared: prometheus-snmp-exporter is not installed')
  else {
    progress(`${polls} polls by the exporter, one after another`)
    const atOnce = await peer.measure(polls, 0)
    reference = {
      polls,
      cpuMsPerPoll: perPoll(paced.cpuMs, polls),
      cpuMsPerPollAtOnce: perPoll(atOnce.cpuMs, polls),
      peakBytes: atOnce.peakBytes,
    }
    ratio = perPoll(paced.cpuMs, polls) / cpuMsPerPoll
  }
  const result = {
    name: 'snmp',
    ratio: Math.round(1000 * ratio) / 1000,
    figures: {
      devices,
      interfaces,
      polls: ours.polls,
      missed: ours.missed,
      cpuMsPerPoll,
      questionsPerPoll: Math.round((100 * ours.questions) / measured) / 100,
      processorShare: Math.round((1000 * ours.cost.cpuMs) / ours.cost.wallMs) / 1000,
      peakBytes: ours.cost.peakBytes,
    },
    reference,
  }
  return { result, failure: ours.missed > 0 ? `${ours.missed} polls are missing` : undefined }
}

function perPoll(cpuMs: number, polls: number): number {
  return Math.round((1000 * cpuMs) / polls) / 1000
}
