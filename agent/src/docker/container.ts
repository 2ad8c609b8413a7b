import type { Look, Sample } from '../ports.ts'
import type { Instant } from '../reading/moment.ts'
import type { ContainerFacts } from './engine.ts'
import type { Counters, GroupReader } from './group-reader.ts'
import { networkAbsence } from './life.ts'
import type { Life } from './life.ts'
import { after, elapsedMs } from './watched-life.ts'

/** What describes a container; some of it is unknown where only an event told of it. */
export type Description = Pick<ContainerFacts, 'name' | 'image' | 'labels'> &
  Partial<
    Pick<
      ContainerFacts,
      'paused' | 'autoRemove' | 'networkMode' | 'cpuThousandths' | 'memoryLimit' | 'running'
    >
  >

/** What the machine offers to a container without limits. */
export interface Machine {
  readonly cpuThousandths: bigint | undefined
  readonly memory: bigint | undefined
}

/** A life as it is watched. */
export interface WatchedLife extends Life {
  /** The start on the agent's clocks. */
  readonly started: Instant
  /** The life begins with counters at zero, and that look is still due. */
  opens: boolean
  /** Its counters are zero at its start, so that all it used is known. */
  readonly fromZero: boolean
  reader: GroupReader | undefined
  /** Counters as last read. */
  counters: Counters
  /** The group above its own; undefined = never found. */
  parent: string | undefined
  /** Whether the engine said in this run that it lives; a group that can be read says it too. */
  confirmed: boolean
  /** Milliseconds that it ran, as last told: it never ran for less. */
  runningMs: number
  /** Octets held as first and last seen. */
  firstHeld: bigint | undefined
  held: bigint | undefined
  /** Its end; undefined while it lives. */
  ended: Instant | undefined
}

/** One container: turns what is read of it into looks, and its ends into closing looks. */
export class MeteredContainer {
  readonly id: string
  description: Description
  life: WatchedLife
  /** When it was seen alive last, wall milliseconds. */
  seenMs: number
  readonly #resource: string
  readonly #labels: readonly string[]
  #looks: Look[] = []
  #lastAt: Instant | undefined

  constructor(
    options: { readonly id: string; readonly host: string; readonly labels: readonly string[] },
    description: Description,
    life: WatchedLife,
  ) {
    this.id = options.id
    this.#resource = `${options.host}/container:${options.id}`
    this.#labels = options.labels
    this.description = description
    this.life = life
    this.seenMs = life.startedMs
  }

  get lives(): boolean {
    return this.life.ended === undefined
  }

  /** Why it has no network of its own; undefined = it has, or that is not known. */
  get withoutNetwork(): string | undefined {
    return networkAbsence(this.description.networkMode ?? '')
  }

  /** The next life of a container that has ended. */
  begin(life: WatchedLife, description: Description): void {
    this.life = life
    this.seenMs = life.startedMs
    this.description = description
  }

  /** The life is over: the looks at its start, where due, and at its end, with what was read last. */
  end(at: Instant, machine: Machine, removed: boolean): void {
    const { life } = this
    if (life.ended !== undefined) return
    life.reader?.readAll()
    this.#open(machine)
    life.ended = at
    life.counters = life.reader?.counters ?? life.counters
    life.reader?.close()
    life.reader = undefined
    this.#push(at, this.#samples(at, { cpuThousandths: 0n, memory: 0n }, 0n), removed)
  }

  /** The container is gone for good. */
  remove(at: Instant): void {
    const last = this.#looks.at(-1)
    if (last === undefined) this.#push(at, this.#samples(at, { cpuThousandths: 0n, memory: 0n }, 0n), true)
    else this.#looks[this.#looks.length - 1] = { ...last, ends: true }
  }

  /** Reads a living container now. Where its group is gone its end is about to be told, and there is no look. */
  look(now: Instant, machine: Machine): void {
    const { life } = this
    if (!this.lives || !(life.reader?.readAll() ?? life.confirmed)) return
    const held = life.reader?.memoryHeld()
    this.seenMs = now.wallMs
    life.held = held ?? life.held
    life.firstHeld ??= held
    this.#open(machine)
    this.#push(now, this.#samples(now, this.#allocated(machine), life.held), false)
  }

  /** The looks since this was asked last. */
  take(): Look[] {
    const looks = this.#looks
    this.#looks = []
    return looks
  }

  #open(machine: Machine): void {
    const { life } = this
    if (!life.opens) return
    life.opens = false
    const samples = this.#samples(life.started, this.#allocated(machine), life.firstHeld)
    const zero = samples.map((each) => ({ ...each, value: each.life === undefined ? each.value : 0n }))
    this.#push(life.started, zero, false)
  }

  /** Looks of a track ascend: an end told for an instant at which the container was still read is right after it. */
  #push(at: Instant, samples: readonly Sample[], ends: boolean): void {
    const behindMs = this.#lastAt === undefined ? 0 : this.#lastAt.monotonicMs - at.monotonicMs + 1
    const placed = behindMs > 0 ? after(at, behindMs) : at
    this.#lastAt = placed
    const look = { at: placed, track: `container ${this.id}`, samples }
    this.#looks.push(ends ? { ...look, ends } : look)
  }

  #allocated(machine: Machine): Machine {
    const { cpuThousandths, memoryLimit } = this.description
    return {
      cpuThousandths: cpuThousandths ?? machine.cpuThousandths,
      memory: memoryLimit ?? machine.memory,
    }
  }

  #samples(at: Instant, allocated: Machine, held: bigint | undefined): Sample[] {
    const { life, started, ended } = this.life
    const counters = this.life.reader?.counters ?? this.life.counters
    const attributes = this.#attributes()
    const runningMs = elapsedMs(started, ended ?? at)
    if (runningMs > this.life.runningMs) this.life.runningMs = runningMs
    const cpuMs = counters.cpuNs === undefined ? undefined : counters.cpuNs / 1_000_000n
    const hasNetwork = this.withoutNetwork === undefined
    const counted: readonly [meter: string, value: bigint | undefined][] = [
      ['container.running', BigInt(this.life.runningMs)],
      ['container.cpu.used', cpuMs],
      ['container.disk.read', counters.read],
      ['container.disk.written', counters.written],
      ['container.network.received', hasNetwork ? counters.received : undefined],
      ['container.network.transmitted', hasNetwork ? counters.transmitted : undefined],
    ]
    const levels: readonly [meter: string, value: bigint | undefined][] = [
      ['container.cpu.allocated', allocated.cpuThousandths],
      ['container.memory.allocated', allocated.memory],
      ['container.memory.held', this.life.firstHeld === undefined ? undefined : held],
    ]
    const present = (rows: typeof counted, more: object): Sample[] =>
      rows.flatMap(([meter, value]) =>
        value === undefined ? [] : [{ resource: this.#resource, meter, value, attributes, ...more }],
      )
    return [...present(counted, { life }), ...present(levels, {})]
  }

  #attributes(): Record<string, string> {
    const { name, image, labels, paused } = this.description
    const chosen = this.#labels.flatMap((label) => {
      const value = labels[label]
      return value === undefined ? [] : [[label, cut(value)] as const]
    })
    const state = paused === true && this.lives ? { state: 'paused' } : {}
    return { ...Object.fromEntries(chosen), name: cut(name), image: cut(image), ...state }
  }
}

/** An attribute has at most 256 characters. */
function cut(text: string): string {
  return text.slice(0, 256)
}
