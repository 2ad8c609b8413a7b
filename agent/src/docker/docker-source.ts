import type { HostFiles } from '../host/host-files.ts'
import { parseCpuList, parseMemory } from '../host/parse-proc.ts'
import type { Clock, Facts, Logger, Look, Source, Unavailable } from '../ports.ts'
import { ContainerBook } from './container-book.ts'
import type { Machine } from './container.ts'
import { connectEngine } from './http-engine.ts'
import { EngineMeter } from './engine-cpu.ts'
import { EngineLink } from './engine-link.ts'
import type { Engine } from './engine.ts'
import { FastSampler } from './fast-sampler.ts'
import { groupVersion } from './group-reader.ts'
import { readState, writeState } from './kept-state.ts'
import { nowOf } from './watched-life.ts'

/** What the container source needs. */
export interface DockerSourceOptions {
  readonly files: HostFiles
  /** Resource of the host; containers and the engine lie below it. */
  readonly resource: string
  readonly clock: Clock
  readonly logger: Logger
  readonly facts: Facts
  readonly socket: string
  /** Labels that become attributes. */
  readonly labels: readonly string[]
  /** By default the engine behind the socket. */
  readonly connect?: (socket: string) => Promise<Engine>
}

/** The fact under which the source keeps where it stands. */
const FACT = 'docker'

/** How long a look waits for the engine to say what it was asked, milliseconds. */
const SETTLE_MS = 2000

/** Meters the containers of an engine, and the group above them. */
export function createDockerSource(options: DockerSourceOptions): Source {
  return new DockerSource(options)
}

interface Parts {
  readonly book: ContainerBook
  readonly meter: EngineMeter
  readonly link: EngineLink
}

class DockerSource implements Source {
  readonly name = 'docker'
  readonly #options: DockerSourceOptions
  readonly #sampler: FastSampler
  #machine: Machine = { cpuThousandths: undefined, memory: undefined }
  /** The last look for which the engine had said all. */
  #lookMs = 0
  #parts: Promise<Parts> | undefined
  #opened: Parts | undefined

  constructor(options: DockerSourceOptions) {
    this.#options = options
    this.#sampler = new FastSampler(options.clock)
  }

  async look(): Promise<readonly Look[]> {
    const { clock } = this.#options
    this.#parts ??= this.#open()
    const { book, meter, link } = await this.#parts
    await this.#readMachine()
    const tried = await within(SETTLE_MS, link.start())
    const settled = await within(SETTLE_MS, book.settled())
    const now = nowOf(clock)
    // What begins while the engine is not heard began after the last look that knew of everything.
    if (tried && settled && link.faults().length === 0) this.#lookMs = now.wallMs
    const parentNs = await meter.parentNs()
    book.look(now)
    const looks = book.take()
    const living = book.living().map(({ life }) => life)
    const engine = meter.looks(now, parentNs, living)
    const state = {
      sinceMs: book.sinceMs ?? now.wallMs,
      lookMs: this.#lookMs,
      ...(meter.state === undefined ? {} : { residual: meter.state }),
      containers: book.kept(now.wallMs),
    }
    const facts = new Map([[FACT, writeState(state)]])
    return [...looks, ...engine, { at: now, track: 'docker', samples: [], facts }]
  }

  unavailable(): Unavailable[] {
    const living = this.#opened?.book.living() ?? []
    const reasons = new Map<string, Unavailable>()
    for (const { withoutNetwork: reason, life } of living) {
      if (reason !== undefined) {
        for (const meter of ['container.network.received', 'container.network.transmitted'])
          reasons.set(`${meter} ${reason}`, { meter, reason })
      }
      if (life.reader === undefined && life.confirmed) {
        const unseen = 'the control group of a container is not below VOUCH_AGENT_ROOT'
        reasons.set(unseen, { meter: 'container.cpu.used', reason: unseen })
      }
    }
    return [...reasons.values(), ...(this.#opened?.meter.unavailable() ?? [])]
  }

  faults(): ReturnType<EngineLink['faults']> {
    return this.#opened?.link.faults() ?? []
  }

  async stop(): Promise<void> {
    this.#sampler.stop()
    const parts = await this.#parts
    await parts?.link.stop()
    parts?.book.close()
  }

  async #open(): Promise<Parts> {
    const { files, resource, clock, logger, facts, socket, labels, connect } = this.#options
    const kept = readState(facts(FACT))
    const version = await groupVersion(files)
    await this.#readMachine()
    const meter = new EngineMeter(`${resource}/engine:docker`, files, version, kept?.residual)
    const lastLookMs = kept?.lookMs ?? clock.wallMs()
    this.#lookMs = lastLookMs
    const book = new ContainerBook(
      {
        host: resource,
        labels,
        files,
        version,
        clock,
        logger,
        sampler: this.#sampler,
        meter,
        lastLookMs,
        machine: () => this.#machine,
      },
      kept?.containers ?? [],
    )
    book.sinceMs = kept?.sinceMs
    const link = new EngineLink({
      socket,
      logger,
      since: () => book.sinceMs,
      nowMs: () => clock.wallMs(),
      connect: connect ?? connectEngine,
      onEvent: (engine, event) => book.onEvent(engine, event),
      reconcile: (engine) => book.reconcile(engine),
    })
    this.#opened = { book, meter, link }
    return this.#opened
  }

  /** What a container without limits may take. */
  async #readMachine(): Promise<void> {
    const { files } = this.#options
    const online = parseCpuList(await files.textOr('sys/devices/system/cpu/online', ''))
    const memory = parseMemory(await files.textOr('proc/meminfo', ''))
    this.#machine = {
      cpuThousandths: online === undefined ? undefined : online * 1000n,
      memory: memory?.total,
    }
  }
}

/** Waits for something, but not longer than this; whether it is done. */
async function within(ms: number, what: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => late.resolve(false), ms)
  const done = await Promise.race([what.then(() => true), late.promise])
  clearTimeout(timer)
  return done
}
