import { readFile } from 'node:fs/promises'
import { parseAddress } from '@vouch/proto/kernel/address.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { address, choice, defineBench, integer, path, url } from '../bench.ts'
import type { Outcome } from '../bench.ts'
import { BodyTemplate, SPACING_MIN_MS } from './body-template.ts'
import { enrolAgents, issueTokens } from './enrol.ts'
import { Fleet } from './fleet.ts'
import { Dialler } from './http2-client.ts'
import type { Target } from './http2-client.ts'
import { seededRandom } from './random.ts'
import { DEADLINE_MS } from './tally.ts'
import type { Tally } from './tally.ts'

const OPTIONS = {
  collector: { describe: 'address of the gRPC service, host:port', parse: address, fallback: undefined },
  ca: { describe: 'certificates to trust, PEM file', parse: path, fallback: undefined },
  tls: { describe: 'off where the collector is without', parse: choice(['on', 'off']), fallback: 'on' },
  tokens: {
    describe: 'file of enrolment tokens, one a line, one for each agent',
    parse: path,
    fallback: undefined,
  },
  'database-url': {
    describe: "the fleet's PostgreSQL, to issue the tokens there instead",
    parse: url(['postgres', 'postgresql']),
    fallback: undefined,
  },
  agents: { describe: 'agents', parse: integer({ min: 1, max: 50_000 }), fallback: 100 },
  streams: { describe: 'streams of an agent', parse: integer({ min: 1, max: 50_000 }), fallback: 200 },
  'cadence-ms': {
    describe: 'between readings of a stream',
    parse: integer({ min: SPACING_MIN_MS, max: 3_600_000 }),
    fallback: 10_000,
  },
  'interval-ms': {
    describe: 'between batches of an agent',
    parse: integer({ min: 100, max: 3_600_000 }),
    fallback: 60_000,
  },
  seconds: {
    describe: 'measured, after all are connected',
    parse: integer({ min: 1, max: 604_800 }),
    fallback: 120,
  },
  'reconnect-ms': {
    describe: 'mean time until a connection breaks; 0 = never',
    parse: integer({ min: 0, max: 86_400_000 }),
    fallback: 0,
  },
  seed: {
    describe: 'of jitter and broken connections',
    parse: integer({ min: 0, max: 4_294_967_295 }),
    fallback: 1,
  },
}

/** Agents as they are, against any collector. */
export const loadBench = defineBench(OPTIONS, {
  name: 'load',
  help: `Agents as they are, against any collector: enrolled keys, the real handshake, signed and chained batches,
verified receipts, broken connections. Ends with code 1 where a batch got no receipt, or one that names a fault.
ratio = share of the batches whose receipt came within ${DEADLINE_MS} ms after sealing.`,
  run: async (values, progress): Promise<Outcome> => {
    const target = await targetOf(values.collector, values.tls, values.ca)
    const tokens = await tokensOf(values.tokens, values['database-url'], values.agents)
    const dialler = new Dialler(target)
    progress(`${tokens.length} agents enrol`)
    const identities = await enrolAgents(dialler, tokens)
    const shape = shapeOf(values.streams, values['cadence-ms'], values['interval-ms'])
    const fleet = new Fleet({
      dialler,
      template: new BodyTemplate(shape),
      identities,
      reconnectMs: values['reconnect-ms'] === 0 ? undefined : values['reconnect-ms'],
      random: seededRandom(values.seed),
    })
    const figures = await runFleet(fleet, values.seconds, progress)
    return outcomeOf('load', { ...figures, agents: tokens.length, batchReadings: shape.streams * shape.rows })
  },
})

/** Shape of a batch: as many readings of a stream as the cadence gives in an interval, evenly spaced. */
export function shapeOf(
  streams: number,
  cadenceMs: number,
  intervalMs: number,
): { streams: number; rows: number; spacingMs: number } {
  const rows = Math.max(1, Math.floor(intervalMs / cadenceMs))
  return { streams, rows, spacingMs: Math.floor(intervalMs / rows) }
}

/** Connects a fleet, lets it deliver for so long, waits for the last receipts; gives the figures. */
export async function runFleet(
  fleet: Fleet,
  seconds: number,
  progress: (text: string) => void,
  onConnected: () => void = () => {},
): Promise<Record<string, number>> {
  progress('agents connect')
  const connectingMs = performance.now()
  await fleet.connect(progress)
  const connectMs = Math.round(performance.now() - connectingMs)
  progress(`all connected; measured for ${seconds} s from now on`)
  onConnected()
  const before = fleet.mark()
  const cpu = process.cpuUsage()
  await new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000)
  })
  const { user, system } = process.cpuUsage(cpu)
  const { batches } = fleet.tally
  progress('last receipts')
  await fleet.settle()
  return {
    ...fleet.tally.figures(),
    ...whileConnecting(before),
    connectMs,
    generatorCpuMicrosPerBatch: batches === 0 ? 0 : Math.round((user + system) / batches),
    generatorPeakBytes: process.resourceUsage().maxRSS * 1024,
  }
}

function whileConnecting(tally: Tally): Record<string, number> {
  const { latency, late, missing, batches, quarantined, violations } = tally
  return {
    connectingBatches: batches,
    connectingWithoutReceipt: missing,
    connectingFaults: quarantined + violations,
    connectingLatencyMaxMs: latency.maxMs,
    connectingLate: late,
  }
}

/** The result of a load, and whether it failed. */
export function outcomeOf(name: string, figures: Readonly<Record<string, number>>): Outcome {
  const { batches = 0, batchesWithoutReceipt = 0, connectingWithoutReceipt = 0 } = figures
  const { batchesQuarantined = 0, violations = 0, connectingFaults = 0 } = figures
  const late = figures[`laterThan${DEADLINE_MS}Ms`] ?? 0
  const inTime = batches - batchesWithoutReceipt - late
  const missing = batchesWithoutReceipt + connectingWithoutReceipt
  const faults = batchesQuarantined + violations + connectingFaults
  return {
    result: {
      name,
      ratio: batches === 0 ? 0 : Math.round((1000 * inTime) / batches) / 1000,
      figures,
      reference: { deadlineMs: DEADLINE_MS },
    },
    failure: batches === 0 ? 'nothing was sent' : failureOf(missing, faults),
  }
}

function failureOf(missing: number, faults: number): string | undefined {
  if (missing + faults === 0) return undefined
  return `${missing} batches got no receipt, ${faults} one that names a fault or does not hold`
}

async function targetOf(
  collector: string | undefined,
  tls: 'on' | 'off',
  ca: string | undefined,
): Promise<Target> {
  if (collector === undefined)
    return throwFault('FIELD_MISSING', '--collector says where the collector listens')
  const { host, port } = unwrap(parseAddress(collector))
  if (tls === 'off') return { host, port, tls: undefined }
  if (ca === undefined)
    return throwFault('FIELD_MISSING', '--ca names the certificates to trust, or --tls off')
  const pem = await readFile(ca, 'utf8').catch((error: unknown) =>
    throwFault(
      'FIELD_INVALID',
      `--ca cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ),
  )
  return { host, port, tls: { ca: pem, name: host } }
}

async function tokensOf(
  file: string | undefined,
  databaseUrl: string | undefined,
  agents: number,
): Promise<string[]> {
  if (databaseUrl !== undefined) return issueTokens(databaseUrl, agents)
  if (file === undefined)
    return throwFault('FIELD_MISSING', '--tokens names a file of tokens, or give --database-url')
  const text = await readFile(file, 'utf8').catch((error: unknown) =>
    throwFault(
      'FIELD_INVALID',
      `--tokens cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    ),
  )
  const tokens = text.split(/\s+/).filter((token) => token !== '')
  if (tokens.length < agents) {
    throwFault('FIELD_INVALID', `--tokens has ${tokens.length} tokens for ${agents} agents`)
  }
  return tokens.slice(0, agents)
}
