import type { ContainerInspectInfo } from 'dockerode'
import { ACTIONS } from './engine.ts'
import type { ContainerFacts, Engine, EngineEvent } from './engine.ts'

const ANSWER_TIMEOUT_MS = 10_000

/** Connects to the engine behind a socket; the driver is loaded here, so that only who meters containers pays for it. */
export async function connectEngine(socketPath: string): Promise<Engine> {
  const { default: Docker } = await import('dockerode')
  const docker = new Docker({ socketPath })
  return {
    running: async () => {
      const abortSignal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
      return (await docker.listContainers({ abortSignal })).map(({ Id }) => Id)
    },
    inspect: async (id) => {
      const abortSignal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
      try {
        return factsOf(await docker.getContainer(id).inspect({ abortSignal }))
      } catch (error) {
        if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined
        throw error
      }
    },
    events: async ({ sinceMs, untilMs }, signal, onEvent) => {
      const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
      const abortSignal = untilMs === undefined ? signal : AbortSignal.any([signal, timeout])
      const stream = await docker.getEvents({
        since: sinceMs / 1000,
        ...(untilMs === undefined ? {} : { until: untilMs / 1000 }),
        filters: JSON.stringify({ type: ['container'], event: ACTIONS }),
        abortSignal,
      })
      let rest = ''
      for await (const chunk of stream) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const event = line.trim() === '' ? undefined : eventOf(JSON.parse(line))
          if (event !== undefined) onEvent(event)
        }
      }
    },
  }
}

interface RawEvent {
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> }
  readonly timeNano?: number
}

function eventOf(raw: RawEvent): EngineEvent | undefined {
  const action = ACTIONS.find((each) => each === raw.Action)
  const id = raw.Actor?.ID
  if (action === undefined || id === undefined || raw.timeNano === undefined) return undefined
  const labels = raw.Actor?.Attributes ?? {}
  const { name = '', image = '' } = labels
  return { action, id, timeMs: Math.floor(raw.timeNano / 1e6), name, image, labels }
}

function factsOf({ Id, Name, Config, HostConfig, State }: ContainerInspectInfo): ContainerFacts {
  const { NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0, Memory = 0 } = HostConfig
  const finishedMs = Date.parse(State.FinishedAt)
  const quota = CpuQuota > 0 ? (BigInt(CpuQuota) * 1000n) / BigInt(CpuPeriod || CPU_PERIOD_US) : undefined
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    image: Config.Image,
    labels: Config.Labels ?? {},
    running: State.Running,
    paused: State.Paused,
    pid: State.Pid,
    startedAt: State.StartedAt,
    startedMs: Date.parse(State.StartedAt),
    // An engine writes the year 1 for never.
    finishedMs: finishedMs > 0 ? finishedMs : undefined,
    autoRemove: HostConfig.AutoRemove ?? false,
    networkMode: HostConfig.NetworkMode ?? '',
    cpuThousandths: NanoCpus > 0 ? BigInt(NanoCpus) / 1_000_000n : quota,
    memoryLimit: Memory > 0 ? BigInt(Memory) : undefined,
  }
}

/** The kernel's period where none is set. */
const CPU_PERIOD_US = 100_000
