import { setTimeout } from 'node:timers/promises'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Logger, Look, Source, SourceFault } from './ports.ts'
import type { Instant } from './reading/moment.ts'

/** A look with everything that a source may leave to the default. */
export type PlacedLook = Look & Required<Pick<Look, 'at' | 'track' | 'cadenceMs'>>

/** Looks of one source that become durable together: up to one that brings facts, which are of all of them. */
export type Together = readonly PlacedLook[]

/** Asks all sources in rounds, so that none of them can keep the others waiting for longer than a cadence. */
export class SourceRounds {
  readonly #sources: readonly Source[]
  readonly #logger: Logger
  readonly #busy = new Set<Source>()
  readonly #faults = new Map<Source, ReadonlyMap<string, Fault>>()
  #late: Together[] = []

  constructor(sources: readonly Source[], logger: Logger) {
    this.#sources = sources
    this.#logger = logger
  }

  /**
   * All looks of the sources under the given names, each track's in order of time. A source that takes longer than a cadence
   * costs nobody else; what it brings counts in a later round, and until then it is not asked again.
   */
  async ask(isOn: (name: string) => boolean, now: Instant, cadenceMs: number): Promise<Together[]> {
    const asked = this.#sources.filter(({ name }) => isOn(name))
    const looks = (await Promise.all(asked.map((source) => this.#ask(source, now, cadenceMs)))).flat()
    const late = this.#late
    this.#late = []
    return [...late, ...looks].toSorted((a, b) => endOf(a) - endOf(b))
  }

  /** What is wrong with the sources now. */
  faults(): SourceFault[] {
    return [...this.#faults].flatMap(([{ name }, faults]) =>
      [...faults.values()].map((fault) => ({ source: name, fault })),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sources.map(async (source) => source.stop?.()))
  }

  async #ask(source: Source, now: Instant, cadenceMs: number): Promise<readonly Together[]> {
    if (this.#busy.has(source)) return []
    this.#busy.add(source)
    const timer = new AbortController()
    const late = setTimeout(cadenceMs, undefined, timer).then(
      () => undefined,
      () => undefined,
    )
    const looked = this.#look(source, now, cadenceMs)
    const looks = await Promise.race([looked, late])
    timer.abort()
    if (looks !== undefined) return looks
    this.#logger.warn({ source: source.name }, `a source is late: no answer in ${cadenceMs} ms`)
    void looked.then((found) => this.#late.push(...found))
    return []
  }

  async #look(source: Source, now: Instant, cadenceMs: number): Promise<Together[]> {
    try {
      const looks = await source.look()
      this.#tell(source, source.faults?.() ?? [])
      return together(looks.map((look) => ({ at: now, track: source.name, cadenceMs, ...look })))
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#tell(source, [{ code: 'UNAVAILABLE', message: `the source ${source.name} failed: ${why}` }])
      return []
    } finally {
      this.#busy.delete(source)
    }
  }

  /** Logs what begins and what is over, so that a fault that lasts is one line and not one a round. */
  #tell(source: Source, faults: readonly Fault[]): void {
    const before = this.#faults.get(source)
    const after = new Map(faults.map((fault) => [`${fault.code} ${fault.message}`, fault]))
    this.#faults.set(source, after)
    for (const [key, { code, message, pointer }] of after)
      if (before?.has(key) !== true) this.#logger.warn({ source: source.name, code, pointer }, message)
    for (const [key, { code, message, pointer }] of before ?? [])
      if (!after.has(key)) this.#logger.info({ source: source.name, code, pointer }, `over: ${message}`)
  }
}

function together(looks: readonly PlacedLook[]): Together[] {
  const groups: PlacedLook[][] = []
  for (const [index, look] of looks.entries()) {
    const isNext = index === 0 || looks[index - 1]?.facts !== undefined
    if (isNext) groups.push([look])
    else groups.at(-1)!.push(look)
  }
  return groups
}

function endOf(looks: Together): number {
  return looks.at(-1)!.at.monotonicMs
}
