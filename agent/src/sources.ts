import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
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

/** Makes a source of the configuration. */
type Maker = (config: AgentConfig, context: SourceContext) => Source

const MAKERS: Readonly<Partial<Record<AgentConfig['sources'][number], Maker>>> = {
  host: ({ scope }, { files, resource }) => createHostSource({ files, resource, scope }),
  snmp: ({ snmpFile }, { clock, facts }) =>
    createSnmpSource({ devices: unwrap(loadDevices(snmpFile)), clock, facts }),
}

/** Every source that the configuration names, in its order. Throws a FaultError where its own file is wrong. */
export function createSources(config: AgentConfig, context: SourceContext): Source[] {
  return config.sources.flatMap((name) => MAKERS[name]?.(config, context) ?? [])
}
