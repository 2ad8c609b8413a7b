import { setTimeout } from 'node:timers/promises'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Logger } from '../ports.ts'
import type { Engine, EngineEvent } from './engine.ts'

/** What a link does with what it hears. */
export interface LinkOptions {
  readonly socket: string
  readonly logger: Logger
  /** From when on events are still to be told; undefined = none before now. */
  readonly since: () => number | undefined
  readonly nowMs: () => number
  readonly connect: (socket: string) => Promise<Engine>
  readonly onEvent: (engine: Engine, event: EngineEvent) => void
  /** After every connection, when the events before it have been told. */
  readonly reconcile: (engine: Engine) => Promise<void>
}

const PAUSE_MIN_MS = 250
const PAUSE_MAX_MS = 10_000
const ASK_EVERY_MS = 30_000

/** Keeps a stream of events from an engine, whatever the engine does. */
export class EngineLink {
  readonly #options: LinkOptions
  readonly #stopping = new AbortController()
  #fault: Fault | undefined
  #loop: Promise<void> | undefined
  readonly #tried = Promise.withResolvers<void>()

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Connects, once; resolves after the first attempt, whatever came of it. */
  start(): Promise<void> {
    this.#loop ??= this.#run()
    return this.#tried.promise
  }

  faults(): Fault[] {
    return this.#fault === undefined ? [] : [this.#fault]
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let pauseMs = PAUSE_MIN_MS
    while (!signal.aborted) {
      try {
        await this.#connected(() => {
          pauseMs = PAUSE_MIN_MS
        })
      } catch (error) {
        if (!signal.aborted) this.#fault = faultOf(error, this.#options.socket)
        this.#options.logger.debug({ error: String(error) }, 'the container engine is away')
      }
      this.#tried.resolve()
      await setTimeout(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2)
    }
  }

  async #connected(onConnected: () => void): Promise<void> {
    const { socket, connect, since, nowMs, onEvent, reconcile } = this.#options
    const over = new AbortController()
    const signal = AbortSignal.any([this.#stopping.signal, over.signal])
    const engine = await connect(socket)
    const fromMs = nowMs()
    const missedMs = since()
    const take = (event: EngineEvent): void => onEvent(engine, event)
    try {
      if (missedMs !== undefined && missedMs <= fromMs) {
        await engine.events({ sinceMs: missedMs, untilMs: fromMs + 1 }, signal, take)
      }
      const stream = engine.events({ sinceMs: fromMs }, signal, take)
      // A stream that breaks while the containers are listed is found below.
      stream.catch(() => undefined)
      await reconcile(engine)
      this.#fault = undefined
      onConnected()
      this.#tried.resolve()
      await Promise.race([stream, untilSilent(engine, signal)])
    } finally {
      over.abort()
    }
  }
}

/** Rejects when an engine whose stream stands does not answer any more. */
async function untilSilent(engine: Engine, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await setTimeout(ASK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined)
    if (!signal.aborted) await engine.running()
  }
}

/** What an operator can do about an engine that does not answer. */
function faultOf(error: unknown, socket: string): Fault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      code: 'FORBIDDEN',
      message: `the agent may not use the container engine at ${socket}: run vouch-agent docker-proxy for it and set VOUCH_AGENT_DOCKER_SOCKET, or give it the group of the socket`,
    }
  }
  return {
    code: 'UNAVAILABLE',
    message: `the container engine at ${socket} does not answer: start it, or set VOUCH_AGENT_DOCKER_SOCKET`,
  }
}
