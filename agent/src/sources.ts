import type { AgentConfig } from './config.ts'
import { createDockerSource } from './docker/docker-source.ts'
import { createHostSource } from './host/host-source.ts'
import type { HostFiles } from './host/host-files.ts'
import type { Clock, Facts, Logger, Source } from './ports.ts'

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
  host: (config, { files, resource }) => createHostSource(config, files, resource),
  docker: ({ dockerSocket, dockerLabels }, context) =>
    createDockerSource({ ...context, socket: dockerSocket, labels: dockerLabels }),
}

/** Every source that the configuration names, in its order. */
export function createSources(config: AgentConfig, context: SourceContext): Source[] {
  return config.sources.flatMap((name) => MAKERS[name]?.(config, context) ?? [])
}
