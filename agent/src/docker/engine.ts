/** What an engine says of a container. Times are wall milliseconds. */
export interface ContainerFacts {
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly running: boolean
  readonly paused: boolean
  /** The first process, in the host's numbering; 0 = none. */
  readonly pid: number
  /** As the engine writes it: names one life of the container. */
  readonly startedAt: string
  readonly startedMs: number
  /** End of the life before, or of this one where it does not run; undefined = never ended. */
  readonly finishedMs: number | undefined
  /** Destroyed as soon as it ends. */
  readonly autoRemove: boolean
  readonly networkMode: string
  /** Processors granted, in thousandths; undefined = all. */
  readonly cpuThousandths: bigint | undefined
  /** Octets granted; undefined = all. */
  readonly memoryLimit: bigint | undefined
}

/** What happened to a container. */
export interface EngineEvent {
  readonly action: 'start' | 'die' | 'pause' | 'unpause' | 'rename' | 'destroy'
  readonly id: string
  /** Wall milliseconds. */
  readonly timeMs: number
  readonly name: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
}

/** The events that count. */
export const ACTIONS: readonly EngineEvent['action'][] = [
  'start',
  'die',
  'pause',
  'unpause',
  'rename',
  'destroy',
]

/** A container engine, read only. */
export interface Engine {
  /** Ids of the containers that run or are paused. */
  running(): Promise<readonly string[]>
  /** Undefined = there is no such container. */
  inspect(id: string): Promise<ContainerFacts | undefined>
  /**
   * Events from an instant on, in order, to `untilMs` or as they come. Resolves when the stream ends, rejects where
   * it breaks. An event at the instant itself may come again.
   */
  events(
    range: { readonly sinceMs: number; readonly untilMs?: number },
    signal: AbortSignal,
    onEvent: (event: EngineEvent) => void,
  ): Promise<void>
}
