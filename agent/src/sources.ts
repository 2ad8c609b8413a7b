import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { SourceName } from '@vouch/proto/kernel/source.ts'
import type { AgentConfig } from './config.ts'
import { createDockerSource } from './docker/docker-source.ts'
import { checkEvents, createEventsSource } from './events/events-source.ts'
import { createHostSource } from './host/host-source.ts'
import type { HostFiles } from './host/host-files.ts'
import type { Clock, Facts, Logger, Source } from './ports.ts'
import { loadDevices } from './snmp/config.ts'
import { createSnmpSource } from './snmp/snmp-source.ts'

/** What sources are made with. */
export interface SourceContext {
  readonly files: HostFiles
  /** Resource of the host. */
  readonly resource: string
  readonly clock: Clock
  readonly logger: Logger
  readonly facts: Facts
}

interface Maker {
  /** Throws a FaultError where the source cannot begin. */
  make(config: AgentConfig, context: SourceContext): Source | Promise<Source>
  /** Checks what the settings name besides themselves. */
  check?(config: AgentConfig): Result<unknown>
}

const MAKERS: Readonly<Record<SourceName, Maker>> = {
  host: { make: (config, { files, resource }) => createHostSource(config, files, resource) },
  docker: {
    make: ({ dockerSocket, dockerLabels }, context) =>
      createDockerSource({ ...context, socket: dockerSocket, labels: dockerLabels }),
  },
  snmp: {
    make: ({ snmpFile }, { clock, facts }) =>
      createSnmpSource({ devices: unwrap(loadDevices(snmpFile)), clock, facts }),
    check: ({ snmpFile }) => loadDevices(snmpFile),
  },
  events: { make: createEventsSource, check: checkEvents },
}

/** Checks the files that the sources of the configuration have of their own. */
export function checkSources(config: AgentConfig): Result<void> {
  for (const name of config.sources) {
    const checked = MAKERS[name].check?.(config)
    if (checked?.ok === false) return checked
  }
  return ok(undefined)
}

/** Every source that the configuration names, in its order; none where one of them cannot begin. */
export async function createSources(config: AgentConfig, context: SourceContext): Promise<Source[]> {
  const made: Source[] = []
  try {
    for (const name of config.sources) made.push(await MAKERS[name].make(config, context))
    return made
  } catch (error) {
    await stopSources(made)
    throw error
  }
}

/** Ends sources that no run has. */
export async function stopSources(sources: readonly Source[]): Promise<void> {
  await Promise.all(sources.map(async (source) => source.stop?.()))
}
