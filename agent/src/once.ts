import { setTimeout } from 'node:timers/promises'
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import type { AgentConfig } from './config.ts'
import { createSystemClock } from './host/clock.ts'
import { createHostFiles } from './host/host-files.ts'
import { hostResource } from './host/machine-id.ts'
import type { Logger, Sample, Source, Unavailable } from './ports.ts'
import { checkSources, createSources } from './sources.ts'

/** What one source gave when it was looked at once. */
export interface Glance {
  readonly source: string
  readonly samples: readonly Sample[]
  readonly unavailable: readonly Unavailable[]
  readonly faults: readonly Fault[]
}

/** Sources that measure by themselves are asked again until they have something to tell, milliseconds. */
const PATIENCE_MS = 10_000
const PAUSE_MS = 200
const QUIET: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/**
 * Looks once at every source that the configuration names; nothing is kept or sent. Events are counted as they come:
 * there is nothing to look at but their declarations.
 */
export async function glance(config: AgentConfig): Promise<Glance[]> {
  const files = createHostFiles(config.root)
  // Before the first start there is no place yet for the id of a host that has none.
  const resource = config.resource ?? (await hostResource(files, config.stateDir).catch(() => 'host:this'))
  const clock = createSystemClock()
  const context = { files, resource, clock, logger: QUIET, facts: () => undefined }
  return Promise.all(
    config.sources.map(async (name) => {
      const alone = { ...config, sources: [name] }
      const nothing = { source: name, samples: [], unavailable: [], faults: [] }
      try {
        if (name === 'events') unwrap(checkSources(alone))
        const [source] = name === 'events' ? [] : await createSources(alone, context)
        return source === undefined ? nothing : await glanceAt(source)
      } catch (error) {
        if (!(error instanceof FaultError)) throw error
        return { ...nothing, faults: [error.fault] }
      }
    }),
  )
}

async function glanceAt(source: Source): Promise<Glance> {
  const samples = new Map<string, Sample>()
  const faults: Fault[] = []
  try {
    for (const began = Date.now(); samples.size === 0; await setTimeout(PAUSE_MS)) {
      for (const look of await source.look())
        for (const sample of look.samples) samples.set(`${sample.meter} ${sample.resource}`, sample)
      if ((source.faults?.() ?? []).length > 0 || Date.now() - began > PATIENCE_MS) break
    }
    faults.push(...(source.faults?.() ?? []))
  } catch (error) {
    faults.push({ code: 'UNAVAILABLE', message: error instanceof Error ? error.message : String(error) })
  }
  await source.stop?.()
  const unavailable = source.unavailable?.() ?? []
  return { source: source.name, samples: [...samples.values()], unavailable, faults }
}

/** What every source reads, as a table. Levels are shown as they are, counters as their keeper has them. */
export async function lookOnce(config: AgentConfig): Promise<string> {
  const glances = await glance(config)
  const rows = glances.flatMap(({ samples }) => samples.map(rowOf))
  const missing = glances.flatMap(({ unavailable }) =>
    unavailable.map(({ meter, reason }) => [meter, 'unavailable', '', reason]),
  )
  const wrong = glances.flatMap(({ source, faults }) =>
    faults.map(({ code, message }) => [source, code, '', message]),
  )
  const table = [['METER', 'VALUE', 'OF', 'RESOURCE'], ...rows, ...missing, ...wrong]
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
  return table.map((row) => `${line(row).trimEnd()}\n`).join('')
}

function rowOf({ resource, meter, value, unit, kind }: Sample): string[] {
  const parsed = parseMeter(meter, unit, kind)
  if (!parsed.ok) return [meter, value.toString(), '?', resource]
  const level = parsed.value.unit === 'MiB-second' ? 'B' : 'thousandths'
  return [meter, value.toString(), parsed.value.kind === 'counter' ? parsed.value.unit : level, resource]
}
