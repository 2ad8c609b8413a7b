import type { HostFiles } from '../host/host-files.ts'
import type { Look, Sample, Unavailable } from '../ports.ts'
import type { Instant } from '../reading/moment.ts'
import type { WatchedLife } from './container.ts'
import { groupCpuNs } from './group-reader.ts'
import { isOwnParent } from './parse-groups.ts'
import { endChild, newResidual, openingCpu, takeResidual } from './residual.ts'
import type { EngineCpu, ResidualState } from './residual.ts'

/** Meters the group above the containers, and what none of them was seen to spend. */
export class EngineMeter {
  readonly #resource: string
  readonly #files: HostFiles
  readonly #version: 1 | 2
  #state: ResidualState | undefined
  #shared: string | undefined
  /** Until the first look of a parent: when the first container began under it, and what others had spent. */
  #fresh: { started: Instant | undefined; otherMs: bigint } | undefined

  constructor(resource: string, files: HostFiles, version: 1 | 2, kept: ResidualState | undefined) {
    this.#resource = resource
    this.#files = files
    this.#version = version
    this.#state = kept
  }

  get state(): ResidualState | undefined {
    return this.#state
  }

  /** A container was found. */
  began({ parent, fromZero, started }: WatchedLife): void {
    if (parent === undefined) return
    if (this.#state === undefined) {
      if (!isOwnParent(parent)) {
        this.#shared = parent
        return
      }
      this.#state = newResidual(parent)
      this.#fresh = { started: undefined, otherMs: 0n }
    }
    const fresh = this.#fresh
    if (fresh === undefined || !fromZero || parent !== this.#state.parent) return
    if (fresh.started === undefined || started.monotonicMs < fresh.started.monotonicMs)
      fresh.started = started
  }

  /** A container has ended with the counters last read. */
  ended({ parent, counters, fromZero }: WatchedLife): void {
    if (this.#state === undefined || parent !== this.#state.parent) return
    const cpuNs = counters.cpuNs ?? 0n
    this.#state = endChild(this.#state, cpuNs)
    if (this.#fresh !== undefined && !fromZero) this.#fresh.otherMs += cpuNs / 1_000_000n
  }

  /** The parent's counter, to be read before the containers'. */
  async parentNs(): Promise<bigint | undefined> {
    return this.#state === undefined ? undefined : groupCpuNs(this.#files, this.#version, this.#state.parent)
  }

  /** The looks of this round. */
  looks(at: Instant, parentNs: bigint | undefined, living: readonly WatchedLife[]): Look[] {
    if (this.#state === undefined || parentNs === undefined) return []
    const { parent } = this.#state
    const children = living.filter((each) => each.parent === parent)
    const cpuOf = ({ reader, counters }: WatchedLife): bigint => (reader?.counters ?? counters).cpuNs ?? 0n
    const taken = takeResidual(this.#state, parentNs, children.map(cpuOf))
    this.#state = taken.state
    const now: Look = { at, track: 'engine', samples: this.#samples(taken.cpu) }
    const fresh = this.#fresh
    this.#fresh = undefined
    if (fresh?.started === undefined) return [now]
    const others = children.filter(({ fromZero }) => !fromZero)
    const otherMs = others.reduce((sum, each) => sum + cpuOf(each) / 1_000_000n, fresh.otherMs)
    const opening = this.#samples(openingCpu(taken.state, otherMs))
    return [{ at: fresh.started, track: 'engine', samples: opening }, now]
  }

  unavailable(): Unavailable[] {
    if (this.#state !== undefined || this.#shared === undefined) return []
    const reason = `other services share ${this.#shared} with the containers; give the engine a cgroup-parent of its own`
    return ['engine.cpu.used', 'engine.cpu.unattributed'].map((meter) => ({ meter, reason }))
  }

  #samples({ usedMs, unattributedMs }: EngineCpu): Sample[] {
    const life = `${this.#state!.parent} ${this.#state!.life}`
    const resource = this.#resource
    return [
      { resource, meter: 'engine.cpu.used', value: usedMs, life },
      { resource, meter: 'engine.cpu.unattributed', value: unattributedMs, life },
    ]
  }
}
