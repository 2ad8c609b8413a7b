import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { ACTIONS } from './engine.ts'
import type { ContainerFacts, Engine, EngineEvent } from './engine.ts'

const ANSWER_TIMEOUT_MS = 10_000

/** Connects to the engine behind a socket: it is asked when it is needed, and only what it has is read. */
export function connectEngine(socketPath: string): Promise<Engine> {
  const json = async <T>(path: string): Promise<T | undefined> => {
    const response = await ask(socketPath, path, AbortSignal.timeout(ANSWER_TIMEOUT_MS))
    const body = await text(response)
    if (response.statusCode === 404) return undefined
    return JSON.parse(body) as T
  }
  return Promise.resolve({
    running: async () => ((await json<{ Id: string }[]>('/containers/json')) ?? []).map(({ Id }) => Id),
    inspect: async (id) => {
      const found = await json<Inspected>(`/containers/${id}/json`)
      return found === undefined ? undefined : factsOf(found)
    },
    events: async ({ sinceMs, untilMs }, signal, onEvent) => {
      const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
      const query = new URLSearchParams({
        since: `${sinceMs / 1000}`,
        ...(untilMs === undefined ? {} : { until: `${untilMs / 1000}` }),
        filters: JSON.stringify({ type: ['container'], event: ACTIONS }),
      })
      const until = untilMs === undefined ? signal : AbortSignal.any([signal, timeout])
      const response = await ask(socketPath, `/events?${query.toString()}`, until)
      let rest = ''
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const event = line.trim() === '' ? undefined : eventOf(JSON.parse(line))
          if (event !== undefined) onEvent(event)
        }
      }
    },
  })
}

/** Rejects with the code of the system where the socket does not answer, and where the engine refuses, but for what it does not have. */
function ask(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  get({ socketPath, path, signal, headers: { host: 'engine' } }, (response) => {
    const { statusCode = 0 } = response
    if (statusCode === 200 || statusCode === 404) return resolve(response)
    response.resume()
    return reject(new Error(`the engine answered ${statusCode} to ${path}`))
  }).on('error', reject)
  return promise
}

/** What is read of the engine's word on a container. */
interface Inspected {
  readonly Id: string
  readonly Name: string
  readonly Config: { readonly Image: string; readonly Labels?: Readonly<Record<string, string>> | null }
  readonly HostConfig: {
    readonly NanoCpus?: number
    readonly CpuQuota?: number
    readonly CpuPeriod?: number
    readonly Memory?: number
    readonly AutoRemove?: boolean
    readonly NetworkMode?: string
  }
  readonly State: {
    readonly Running: boolean
    readonly Paused: boolean
    readonly Pid: number
    readonly StartedAt: string
    readonly FinishedAt: string
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

function factsOf({ Id, Name, Config, HostConfig, State }: Inspected): ContainerFacts {
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
