import type { AgentHost } from './agent-host.ts'
import type { CollectorProcess } from './collector-process.ts'
import type { Dice } from './dice.ts'
import type { ModelSpool } from './model-spool.ts'
import type { Network } from './network.ts'
import type { FaultKind, Plan } from './plan.ts'
import type { Registry } from './registry.ts'
import type { Store } from './store.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What faults act on. */
export interface Targets {
  readonly plan: Plan
  readonly time: VirtualTime
  readonly trace: Trace
  readonly network: Network
  readonly store: Store
  readonly registry: Registry
  readonly collectors: readonly CollectorProcess[]
  readonly hosts: AgentHost[]
  clone(origin: AgentHost): void
  attack(): void
}

/** Wall clocks stray by at most this, milliseconds: less than what a collector refuses. */
const STRAY_MAX_MS = 120_000

/** Lets the plan's faults happen, until `heal`. */
export class Injection {
  readonly #on: Targets
  readonly #dice: Dice
  readonly #disks = new Map<AgentHost, ModelSpool>()
  #ended = false

  constructor(on: Targets, dice: Dice) {
    this.#on = on
    this.#dice = dice
    this.#setRates()
    this.#next()
  }

  /** Everything works again and stays up. */
  heal(): void {
    const { collectors, hosts, network, registry, store, trace } = this.#on
    trace.note('world', 'heals')
    this.#ended = true
    network.heal()
    Object.assign(store, { failure: 0, outage: undefined, latencyMs: 20 })
    registry.failure = 0
    for (const collector of collectors) {
      collector.crashes = 0
      collector.start()
    }
    for (const host of hosts) {
      Object.assign(host, { moves: 0, diskFull: 0 })
      host.start()
    }
  }

  #setRates(): void {
    const { collectors, hosts, network, plan, registry, store } = this.#on
    const rate = (kind: FaultKind, value: number): number => (plan.faults.has(kind) ? value : 0)
    network.duplicate = rate('duplicate', 0.2)
    network.alter = rate('alter', 0.05)
    store.failure = rate('store-failure', plan.storeFailure)
    registry.failure = rate('fleet-failure', 0.2)
    for (const collector of collectors) {
      collector.crashes = rate('collector-crash', plan.crash)
      collector.skewMs = this.#dice.between(-1_000, 1_000)
    }
    for (const host of hosts) {
      host.moves = rate('move', 0.5)
      host.diskFull = rate('spool-bound', 0.1)
    }
  }

  #next(): void {
    const { plan, time } = this.#on
    time.after(this.#dice.between(1, 2 * plan.faultEveryMs), () => {
      if (this.#ended) return
      const kinds = [...plan.faults].filter((kind) => kind in this.#acts)
      if (kinds.length > 0) {
        const kind = this.#dice.pick(kinds)
        this.#on.trace.note('fault', kind)
        this.#acts[kind]?.()
      }
      this.#next()
    })
  }

  readonly #acts: Partial<Record<FaultKind, () => void>> = {
    break: () => void this.#on.network.breakOne(),
    partition: () => {
      const { collectors, hosts, network } = this.#on
      const route = `${this.#dice.pick(hosts).name}>${this.#dice.pick(collectors).name}`
      network.partition(route, this.#dice.between(500, 30_000))
    },
    delay: () => {
      this.#on.network.delayMaxMs = this.#dice.pick([5, 50, 500, 5_000])
      this.#on.store.latencyMs = this.#dice.pick([2, 20, 400])
    },
    'collector-crash': () => this.#dice.pick(this.#on.collectors).crash(),
    'agent-crash': () => this.#dice.pick(this.#on.hosts).crash(),
    reboot: () => this.#dice.pick(this.#on.hosts).reboot(),
    'store-outage': () => {
      const { store, time } = this.#on
      store.outage = this.#dice.pick(['STORE_UNAVAILABLE', 'STORE_READ_ONLY', 'DISK_FULL'])
      time.after(this.#dice.between(200, 20_000), () => {
        store.outage = undefined
      })
    },
    'clock-step': () => {
      const host = this.#dice.pick(this.#on.hosts)
      host.steps++
      host.device.wallOffsetMs = this.#dice.between(-STRAY_MAX_MS, STRAY_MAX_MS)
    },
    'spool-lost': () => this.#dice.pick(this.#on.hosts).loseSpool(),
    clone: () => {
      const origin = this.#dice.pick(this.#on.hosts)
      if (this.#on.hosts.length < this.#on.plan.agents + 2) this.#on.clone(origin)
    },
    snapshot: () => {
      const host = this.#dice.pick(this.#on.hosts)
      const disk = this.#disks.get(host)
      if (disk === undefined) this.#disks.set(host, host.disk())
      else host.restore(disk)
    },
    rogue: () => this.#on.attack(),
  }
}
