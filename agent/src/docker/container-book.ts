import { dirname } from 'node:path/posix'
import type { HostFiles } from '../host/host-files.ts'
import type { Clock, Logger, Look } from '../ports.ts'
import { instantAt } from '../reading/moment.ts'
import type { Instant } from '../reading/moment.ts'
import { MeteredContainer } from './container.ts'
import type { Description, Machine, WatchedLife } from './container.ts'
import type { EngineMeter } from './engine-cpu.ts'
import type { ContainerFacts, Engine, EngineEvent } from './engine.ts'
import type { FastSampler } from './fast-sampler.ts'
import { GroupReader, groupPaths, groupsBelow } from './group-reader.ts'
import type { KeptContainer } from './kept-state.ts'
import { endOfLife, endToldOf, lifeOfStart, networkAbsence, opensAtZero } from './life.ts'
import type { Life } from './life.ts'
import { isSameLife, nowOf, resumedLife, watchedLife } from './watched-life.ts'

/** What the book works with. */
export interface BookOptions {
  /** Resource of the host. */
  readonly host: string
  readonly labels: readonly string[]
  readonly files: HostFiles
  readonly version: 1 | 2
  readonly clock: Clock
  readonly logger: Logger
  readonly sampler: FastSampler
  readonly meter: EngineMeter
  /** The last look before this run, or the start of the first run. */
  readonly lastLookMs: number
  readonly machine: () => Machine
}

/** All containers that are metered: what happens to them is handled one thing after another. */
export class ContainerBook {
  /** Events up to here are handled; undefined before any. */
  sinceMs: number | undefined
  readonly #options: BookOptions
  readonly #containers = new Map<string, MeteredContainer>()
  /** Where containers may be, before one was seen: the defaults of engines, by either driver. */
  readonly #parents = new Set(['/docker', '/system.slice'])
  #gone: MeteredContainer[] = []
  #queue = Promise.resolve()

  constructor(options: BookOptions, kept: readonly KeptContainer[]) {
    this.#options = options
    if (options.meter.state !== undefined) this.#parents.add(options.meter.state.parent)
    for (const each of kept) this.#resume(each)
  }

  /** Takes an event. A container that starts is read from this moment on. */
  onEvent(engine: Engine, event: EngineEvent): void {
    const { action, id } = event
    // At once: what the engine knows of a container is soon that of its next life, or gone.
    const asked =
      action === 'start' || action === 'die' ? engine.inspect(id).catch(() => undefined) : undefined
    const reader = action === 'start' ? this.#openEarly(id) : undefined
    void this.#enqueue(async () => {
      const facts = await asked
      if (action === 'start') await this.#start(event, facts, reader)
      else this.#handle(event, facts)
      this.sinceMs = Math.max(this.sinceMs ?? 0, event.timeMs)
    })
  }

  /** Compares what is known with what the engine has. */
  reconcile(engine: Engine): Promise<void> {
    const { clock } = this.#options
    return this.#enqueue(async () => {
      const nowMs = clock.wallMs()
      const ids = new Set(await engine.running())
      for (const id of new Set([...ids, ...this.#containers.keys()])) {
        await this.#compare(id, await engine.inspect(id))
      }
      this.sinceMs ??= nowMs
    })
  }

  /** Resolves when all that was told so far is handled. */
  settled(): Promise<void> {
    return this.#queue
  }

  /** Reads every living container. */
  look(now: Instant): void {
    const machine = this.#options.machine()
    for (const each of this.#containers.values()) each.look(now, machine)
  }

  /** All looks since this was asked last. */
  take(): Look[] {
    const looks = [...this.#gone, ...this.#containers.values()].flatMap((each) => each.take())
    this.#gone = []
    return looks
  }

  living(): MeteredContainer[] {
    return [...this.#containers.values()].filter(({ lives }) => lives)
  }

  /** What is to be kept of every container that is not gone. */
  kept(seenMs: number): KeptContainer[] {
    return [...this.#containers.values()].map(({ id, life, description }) => {
      const { name, image, labels, networkMode, autoRemove } = description
      const { ended, started, parent, reader, counters } = life
      return {
        id,
        life: life.life,
        startedMs: life.startedMs,
        startedBoottimeMs: started.boottimeMs,
        seenMs,
        ...(ended === undefined ? {} : { lastedMs: life.runningMs }),
        ...(parent === undefined ? {} : { parent }),
        counters: { ...(reader?.counters ?? counters) },
        description: {
          name,
          image,
          labels: Object.fromEntries(
            Object.entries(labels).filter(([key]) => this.#options.labels.includes(key)),
          ),
          ...(networkMode === undefined ? {} : { networkMode }),
          ...(autoRemove === undefined ? {} : { autoRemove }),
        },
      }
    })
  }

  close(): void {
    for (const { life } of this.#containers.values()) life.reader?.close()
  }

  /** Goes on with a container of an earlier run; its group is read even before the engine answers. */
  #resume(kept: KeptContainer): void {
    const { clock, host, labels } = this.#options
    const life = resumedLife(kept, nowOf(clock))
    const { id, parent, description } = kept
    const container = new MeteredContainer({ id, host, labels }, description, life)
    container.seenMs = kept.seenMs
    this.#containers.set(id, container)
    if (life.ended !== undefined || parent === undefined) return
    life.reader = this.#read(groupsBelow(parent, id), life.started.monotonicMs)
  }

  #enqueue(job: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(job)
    this.#queue = done.catch((error: unknown) => {
      this.#options.logger.debug(
        { error: String(error) },
        'the engine did not say what became of a container',
      )
    })
    return done
  }

  #openEarly(id: string): GroupReader | undefined {
    const known = this.#containers.get(id)?.life.reader !== undefined
    const paths = [...this.#parents].flatMap((parent) => groupsBelow(parent, id))
    return known ? undefined : this.#read(paths, this.#options.clock.monotonicMs())
  }

  /** Opens the first of the groups that is there, and reads it between looks. */
  #read(paths: readonly string[], startedMs: number): GroupReader | undefined {
    const { files, version, clock, sampler } = this.#options
    const reader = GroupReader.open({ files, version, clock }, paths)
    if (reader !== undefined) sampler.add({ reader, startedMs })
    return reader
  }

  async #start(
    event: EngineEvent,
    facts: ContainerFacts | undefined,
    early: GroupReader | undefined,
  ): Promise<void> {
    const life = lifeOfStart(event.timeMs, facts)
    const known = this.#containers.get(event.id)
    if (known !== undefined && isSameLife(known.life, life)) {
      this.#drop(early)
      return
    }
    if (known?.lives === true) this.#end(known, endOfLife(known.life, life.startedMs, undefined))
    const isCurrent = facts?.startedAt === life.life
    await this.#begin(event.id, life, isCurrent ? facts : undefined, event, early)
  }

  #handle({ action, id, timeMs, name }: EngineEvent, facts: ContainerFacts | undefined): void {
    const container = this.#containers.get(id)
    if (container === undefined) return
    if (action === 'destroy') this.#remove(container, timeMs)
    else if (timeMs < container.life.startedMs) return
    else if (action === 'die')
      this.#end(
        container,
        endToldOf(container.life, timeMs, [facts?.finishedMs, container.life.reader?.emptiedMs]),
      )
    else if (action === 'rename')
      container.description = { ...container.description, name: name.replace(/^\//, '') }
    else container.description = { ...container.description, paused: action === 'pause' }
  }

  async #compare(id: string, facts: ContainerFacts | undefined): Promise<void> {
    const known = this.#containers.get(id)
    const isCurrent = facts !== undefined && known?.life.life === facts.startedAt
    if (known?.lives === true && !(isCurrent && facts.running)) {
      const seenMs = Math.max(known.life.startedMs, known.seenMs)
      this.#end(known, endOfLife(known.life, seenMs, facts))
    }
    if (facts === undefined) {
      const left = this.#containers.get(id)
      if (left !== undefined) this.#remove(left, left.life.ended?.wallMs ?? left.seenMs)
    } else if (facts.running && !isCurrent) {
      const life = { life: facts.startedAt, startedMs: facts.startedMs }
      await this.#begin(id, life, facts, facts, undefined)
    } else if (facts.running && known !== undefined) {
      known.description = facts
      known.life.confirmed = true
      if (known.life.reader === undefined) await this.#attach(id, known.life, facts, undefined)
    }
  }

  async #begin(
    id: string,
    { life, startedMs }: Life,
    facts: ContainerFacts | undefined,
    description: Description,
    reader: GroupReader | undefined,
  ): Promise<void> {
    const { clock, host, labels, lastLookMs } = this.#options
    const fromZero = opensAtZero(startedMs, lastLookMs)
    const confirmed = facts?.running === true
    const watched = watchedLife({ life, startedMs }, nowOf(clock), { fromZero, confirmed })
    await this.#attach(id, watched, facts, reader)
    const known = this.#containers.get(id)
    if (known === undefined)
      this.#containers.set(id, new MeteredContainer({ id, host, labels }, facts ?? description, watched))
    else known.begin(watched, facts ?? { ...known.description, ...description })
    this.#options.meter.began(watched)
  }

  /** Finds the group of a life and keeps it open. */
  async #attach(
    id: string,
    life: WatchedLife,
    facts: ContainerFacts | undefined,
    early: GroupReader | undefined,
  ): Promise<void> {
    const { files, version } = this.#options
    const pid = facts?.running === true ? facts.pid : 0
    let reader = early
    if (reader === undefined && pid > 0) {
      const paths = await groupPaths(files, version, { id, pid }, [...this.#parents])
      reader = this.#read(paths, life.started.monotonicMs)
    }
    if (reader === undefined) return
    if (pid > 0 && networkAbsence(facts?.networkMode ?? '') === undefined) reader.useNetworkOf(pid)
    life.reader = reader
    life.counters = reader.counters
    life.parent = dirname(reader.path)
    this.#parents.add(life.parent)
    life.firstHeld = reader.memoryHeld()
    life.held = life.firstHeld
  }

  #end(container: MeteredContainer, endMs: number): void {
    const { clock, machine, meter } = this.#options
    if (!container.lives) return
    const { life, description } = container
    const removed = description.autoRemove === true
    const { reader } = life
    container.end(instantAt(Math.max(endMs, life.startedMs), nowOf(clock)), machine(), removed)
    if (reader !== undefined) this.#options.sampler.remove(reader)
    meter.ended(life)
    if (removed) this.#forget(container)
  }

  #remove(container: MeteredContainer, atMs: number): void {
    this.#end(container, atMs)
    if (!this.#containers.has(container.id)) return
    container.remove(instantAt(atMs, nowOf(this.#options.clock)))
    this.#forget(container)
  }

  #forget(container: MeteredContainer): void {
    this.#containers.delete(container.id)
    this.#gone.push(container)
  }

  #drop(reader: GroupReader | undefined): void {
    if (reader === undefined) return
    this.#options.sampler.remove(reader)
    reader.close()
  }
}
