import type { CollectorConfig } from '@vouch/collector/config.ts'
import { createPipeline } from '@vouch/collector/pipeline.ts'
import type { Pipeline } from '@vouch/collector/pipeline.ts'
import type { Archive, Clock, Logger } from '@vouch/collector/ports.ts'
import { FleetWatch } from '@vouch/collector/session/fleet-watch.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Dice } from './dice.ts'
import type { Link } from './link.ts'
import type { Registry } from './registry.ts'
import type { Client, Store } from './store.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a collector runs on. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly trace: Trace
  readonly store: Store
  readonly registry: Registry
  readonly signer: Signer
  readonly config: CollectorConfig
  /** Wraps the archive; what a broken collector would do. */
  readonly wrapArchive: (archive: Archive, clock: Clock) => Archive
}

/** Between two looks for what was cut, milliseconds. */
const RECOVER_MS = 15_000
/** Between two rounds of the watch over the fleet, and until an agent is silent, milliseconds. */
const REFRESH_MS = 5_000
const SILENT_AFTER_MS = 300_000

/** A collector that can die wherever it waits, and comes back with nothing but the stores. */
export class CollectorProcess {
  readonly name: string
  /** Probability that it dies at a point where it waits. */
  crashes = 0
  /** Its clock less the true time, milliseconds. */
  skewMs = 0
  readonly #around: Surroundings
  readonly #dice: Dice
  #life: Life | undefined

  constructor(name: string, around: Surroundings, dice: Dice) {
    this.name = name
    this.#around = around
    this.#dice = dice
    this.start()
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  /** What is left in memory once everybody has gone; empty = nothing. */
  remains(): string[] {
    return this.#life?.remains() ?? []
  }

  start(): void {
    this.#life ??= new Life(this.name, this.#around, this.#dice, {
      nowMs: () => this.#around.time.nowMs + this.skewMs,
      point: () => this.#point(),
    })
  }

  crash(): void {
    if (this.#life === undefined) return
    this.#around.trace.note(this.name, 'dies')
    this.#life.end()
    this.#life = undefined
    this.#around.time.after(this.#dice.between(100, 6_000), () => this.start())
  }

  /** Takes a connection; one to a process that is down is refused. */
  accept(link: Link): void {
    if (this.#life === undefined) link.collectorDied()
    else this.#life.accept(link)
  }

  #point(): void {
    if (this.#dice.chance(this.crashes)) this.crash()
  }
}

interface Hooks {
  nowMs(): number
  /** The process may die here. */
  point(): void
}

/** One life of a collector: the real pipeline over ports that fall silent when it dies. */
class Life implements Client {
  readonly name: string
  alive = true
  readonly #around: Surroundings
  readonly #hooks: Hooks
  readonly #pipeline: Pipeline
  readonly #links = new Set<Link>()

  constructor(name: string, around: Surroundings, dice: Dice, hooks: Hooks) {
    this.name = name
    this.#around = around
    this.#hooks = hooks
    const { config, registry, signer, store, time } = around
    const clock: Clock = {
      now: () => hooks.nowMs(),
      sleep: (ms, signal) => this.#alive(() => time.sleep(ms, signal)),
    }
    const fleet = this.#guarded(registry.fleet)
    const logger = this.#logger()
    this.#pipeline = createPipeline({
      config,
      archive: around.wrapArchive(this.#guarded(store.archive(this)), clock),
      fleet,
      signer,
      logger,
      telemetry: { batch: () => {}, committed: () => {}, stream: () => {} },
      clock,
      random: dice.bytes,
    })
    const watch = new FleetWatch({
      fleet,
      sessions: this.#pipeline.sessions,
      logger,
      clock,
      collector: name,
      silentAfterMs: SILENT_AFTER_MS,
      onTotals: () => {},
      forks: (...asked) => this.#alive(() => store.forks(...asked)),
    })
    void this.#watchFleet(watch)
    void this.#recover()
  }

  end(): void {
    this.alive = false
    for (const link of this.#links) link.collectorDied()
  }

  remains(): string[] {
    const { sessions } = this.#pipeline
    return [
      ...[...this.#links].map(({ name }) => `${this.name}: the conversation over ${name} never ends`),
      ...sessions
        .report()
        .connected.map((agent) => `${this.name}: a session of agent ${agent.toHex()} is left`),
    ]
  }

  accept(link: Link): void {
    this.#links.add(link)
    const wire = { ...link.wire, next: () => this.#alive(() => link.wire.next()) }
    Object.defineProperty(wire, 'congested', { get: () => link.wire.congested })
    this.#pipeline
      .converse(wire)
      .catch((error: unknown) =>
        link.wire.end(error instanceof FaultError ? error.fault : fail('INTERNAL', String(error)).fault),
      )
      .finally(() => this.#links.delete(link))
  }

  async #watchFleet(watch: FleetWatch): Promise<void> {
    for (;;) {
      await this.#alive(() => this.#around.time.sleep(REFRESH_MS))
      await watch.round()
    }
  }

  async #recover(): Promise<void> {
    for (;;) {
      await this.#alive(() => this.#around.time.sleep(RECOVER_MS))
      await this.#alive(() => this.#around.store.recover(this))
    }
  }

  /** Before and after whatever a process waits for, it may die; then it never learns the answer. */
  async #alive<T>(work: () => Promise<T>): Promise<T> {
    this.#hooks.point()
    if (!this.alive) return silence()
    const [answer] = await Promise.allSettled([work()])
    if (this.alive) this.#hooks.point()
    if (!this.alive) return silence()
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  }

  #guarded<T extends object>(port: T): T {
    const call =
      (method: (...values: unknown[]) => Promise<unknown>) =>
      (...values: unknown[]) =>
        this.#alive(() => method(...values))
    const methods = Object.entries(port).map(([name, method]) => [name, call(method)])
    return Object.fromEntries(methods) as T
  }

  #logger(): Logger {
    const note = (context: object, message: string): void => {
      if (!this.alive) return
      const { fault } = context as { readonly fault?: { readonly code: string } }
      this.#around.trace.note(this.name, fault === undefined ? message : `${message} (${fault.code})`)
    }
    return { debug: () => {}, info: note, warn: note, error: note }
  }
}

function silence(): Promise<never> {
  return new Promise(() => undefined)
}
