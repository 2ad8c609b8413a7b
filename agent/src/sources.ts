import type { AgentConfig } from './config.ts'
import { createDockerSource } from './docker/docker-source.ts'
import { createEventsSource } from './events/events-source.ts'
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
type Maker = (config: AgentConfig, context: SourceContext) => Source | Promise<Source>

const MAKERS: Readonly<Partial<Record<AgentConfig['sources'][number], Maker>>> = {
  host: (config, { files, resource }) => createHostSource(config, files, resource),
  docker: ({ dockerSocket, dockerLabels }, context) =>
    createDockerSource({ ...context, socket: dockerSocket, labels: dockerLabels }),
  events: createEventsSource,
}

/** Every source that the configuration names, in its order; none where one of them cannot begin. */
export async function createSources(config: AgentConfig, context: SourceContext): Promise<Source[]> {
  const made: Source[] = []
  try {
    for (const name of config.sources) {
      const source = await MAKERS[name]?.(config, context)
      if (source !== undefined) made.push(source)
    }
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
