import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineBench, integer } from '../bench.ts'
import type { Outcome, Progress } from '../bench.ts'
import { startChild } from '../child.ts'
import { freePort } from '../port.ts'
import { needLinux } from '../process-cost.ts'
import { addressOf } from './devices.ts'
import { hasSnmpExporter, measureExporter } from './exporter.ts'
import { measureSnmp } from './ours.ts'
import type { SnmpPlan } from './ours.ts'
import type { SimulatorMessage } from './simulator.ts'

/** Polls of the exporter: enough to see them in hundredths of a second, and they come one after another. */
const EXPORTER_POLLS = { min: 100, max: 1000 }
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
as readings. Beside prometheus-snmp-exporter, which polls one of these devices for the same columns.
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
  const simulator = startChild(SIMULATOR)
  try {
    const port = await freePort()
    const { devices, interfaces, cadences } = plan
    await simulator.ask({ do: 'start', devices, interfaces, port } satisfies SimulatorMessage)
    const ours = await measureSnmp(directory, port, simulator, plan, progress)
    const measured = devices * cadences
    const cpuMsPerPoll = perPoll(ours.cost.cpuMs, measured)
    let reference: Record<string, number> = {}
    let ratio = RESIDENT_MAX_BYTES / ours.cost.peakBytes
    if (await hasSnmpExporter()) {
      const polls = Math.min(Math.max(measured, EXPORTER_POLLS.min), EXPORTER_POLLS.max)
      progress(`${polls} polls by the exporter`)
      const cost = await measureExporter(directory, `${addressOf(0)}:${port}`, interfaces, polls)
      reference = { polls, cpuMsPerPoll: perPoll(cost.cpuMs, polls), peakBytes: cost.peakBytes }
      ratio = perPoll(cost.cpuMs, polls) / cpuMsPerPoll
    } else progress('not compared: prometheus-snmp-exporter is not installed')
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
  } finally {
    await simulator.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

function perPoll(cpuMs: number, polls: number): number {
  return Math.round((1000 * cpuMs) / polls) / 1000
}
