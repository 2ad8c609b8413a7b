import type { Clock } from '../ports.ts'
import { pauseOf } from './life.ts'
import type { GroupReader } from './group-reader.ts'

const TICK_MS = 20
/** At most this share of a processor goes to reading: one part in. */
const SHARE = 20
/** Every so many readings of a container, all its counters are read. */
const ALL_EVERY = 5

/** Something read between looks. */
export interface Sampled {
  readonly reader: GroupReader
  /** Its start, monotonic milliseconds. */
  readonly startedMs: number
}

/**
 * Reads containers between looks, the young ones often: the group of a container is gone when its end is told, and
 * what was read last is what it used. A reading costs a few microseconds; where there are too many it is less often.
 */
export class FastSampler {
  readonly #sampled = new Set<Sampled>()
  readonly #nowMs: () => number
  readonly #due = new WeakMap<object, { atMs: number; count: number }>()
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#nowMs = () => clock.monotonicMs()
  }

  add(sampled: Sampled): void {
    this.#sampled.add(sampled)
    this.#next(TICK_MS)
  }

  remove(reader: GroupReader): void {
    for (const each of this.#sampled) if (each.reader === reader) this.#sampled.delete(each)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #tick(): void {
    const startedMs = performance.now()
    const nowMs = this.#nowMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const sampled of this.#sampled) {
      const { reader } = sampled
      const due = this.#due.get(sampled) ?? { atMs: nowMs, count: 0 }
      if (due.atMs <= nowMs) {
        due.count += 1
        if (due.count % ALL_EVERY === 0) reader.readAll()
        else reader.readCpu()
        // At whole multiples, so that one wake-up serves all.
        const pauseMs = pauseOf(nowMs - sampled.startedMs)
        due.atMs = nowMs + pauseMs - (nowMs % pauseMs)
        this.#due.set(sampled, due)
      }
      nextMs = Math.min(nextMs, due.atMs)
    }
    if (nextMs === Number.POSITIVE_INFINITY) return
    const restMs = (performance.now() - startedMs) * SHARE
    this.#next(Math.max(TICK_MS, restMs, nextMs - nowMs))
  }

  #next(pauseMs: number): void {
    clearTimeout(this.#timer)
    if (!this.#stopped) this.#timer = setTimeout(() => this.#tick(), pauseMs).unref()
  }
}
