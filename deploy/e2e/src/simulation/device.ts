import type { Clock, Look, Source } from '@vouch/agent/ports.ts'
import type { Dice } from './dice.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a look saw. */
interface Seen {
  readonly counter: bigint
  readonly monotonicMs: number
}

/** What was measured for good in one life: of the machine, or of the agent's process. */
interface Stretch {
  first: Seen
  last: Seen
}

/** MiB that the machine holds: a level that never changes, so its integral is known without integrating. */
const HELD_MIB = 3n
const OCTETS_PER_MIB = 1_048_576n

/** A machine with a counter, a level and a wall clock that may be set; it knows what it really used. */
export class Device implements Clock, Source {
  readonly name = 'device'
  readonly resource: string
  bootId: Uint8Array
  /** What the wall clock is ahead of the true time, milliseconds. */
  wallOffsetMs = 0
  /** Looks that are sealed. */
  looks = 0
  readonly #time: VirtualTime
  readonly #dice: Dice
  readonly #startMs: number
  readonly #boots: Stretch[] = []
  readonly #runs: Stretch[] = []
  #boot: Stretch | undefined
  #run: Stretch | undefined
  #unsealed: Seen[] = []
  #counter: bigint

  constructor(resource: string, time: VirtualTime, dice: Dice) {
    this.resource = resource
    this.#time = time
    this.#dice = dice
    this.#startMs = time.nowMs - 1_000_000
    this.#counter = BigInt(dice.between(0, 2 ** 31))
    this.bootId = dice.bytes(16)
  }

  readonly wallMs = (): number => this.#time.nowMs + this.wallOffsetMs
  readonly monotonicMs = (): number => this.#time.nowMs - this.#startMs
  readonly boottimeMs = (): number => this.monotonicMs()

  look(): Promise<readonly Look[]> {
    this.#counter += BigInt(this.#dice.between(0, 1_000))
    this.#unsealed.push({ counter: this.#counter, monotonicMs: this.monotonicMs() })
    const samples = [
      { resource: this.resource, meter: 'host.cpu.used', value: this.#counter },
      { resource: this.resource, meter: 'host.memory.held', value: HELD_MIB * OCTETS_PER_MIB },
    ]
    return Promise.resolve([{ samples }])
  }

  /** What was seen is on disk now. */
  sealed(): void {
    const [first] = this.#unsealed
    const last = this.#unsealed.at(-1)
    if (first === undefined || last === undefined) return
    this.looks += this.#unsealed.length
    this.#unsealed = []
    this.#boot ??= begin(this.#boots, first)
    this.#run ??= begin(this.#runs, first)
    this.#boot.last = last
    this.#run.last = last
  }

  /** The agent's process ended: what was not sealed was never measured. */
  processEnded(): void {
    this.#unsealed = []
    this.#run = undefined
  }

  /** The machine starts again, its counter from the beginning. */
  reboot(): void {
    this.#boot = undefined
    this.bootId = this.#dice.bytes(16)
    this.#counter = BigInt(this.#dice.between(0, 100))
  }

  /** What was used, by meter, in the meter's unit. */
  truth(): { readonly 'host.cpu.used': bigint; readonly 'host.memory.held': bigint } {
    const counted = this.#boots.map(({ first, last }) => last.counter - first.counter)
    const held = this.#runs.map(({ first, last }) => BigInt(last.monotonicMs - first.monotonicMs))
    return { 'host.cpu.used': sum(counted), 'host.memory.held': (sum(held) * HELD_MIB) / 1000n }
  }

  /** Milliseconds between the first and the last look of each process. */
  watchedMs(): number {
    return this.#runs.reduce((total, { first, last }) => total + last.monotonicMs - first.monotonicMs, 0)
  }
}

function begin(stretches: Stretch[], first: Seen): Stretch {
  const stretch = { first, last: first }
  stretches.push(stretch)
  return stretch
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}
