import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Clock, Facts, Look, Source } from '../ports.ts'
import { Session } from './client.ts'
import type { DeviceConfig } from './config.ts'
import { Device } from './device.ts'
import { readState, writeState } from './device-state.ts'
import { Lanes } from './lanes.ts'
import { UdpSockets } from './udp.ts'

/** What the source works with. */
export interface SnmpOptions {
  readonly devices: readonly DeviceConfig[]
  readonly clock: Clock
  readonly facts: Facts
}

/** Looks of a device that wait to be taken; beyond, the oldest goes: counters lose resolution, not quantity. */
const WAITING_MAX = 32
/** Devices polled at once: those that answered last time, and those that did not. */
const LANES = { prompt: 64, tardy: 64 } as const
/** A poll that takes longer counts as tardy from then on. */
const PROMPT_MS = 10_000

interface Scheduled {
  readonly config: DeviceConfig
  readonly device: Device
  readonly looks: Look[]
  timer: NodeJS.Timeout | undefined
  isTardy: boolean
  failure: Fault | undefined
}

/** Polls every device on a schedule of its own, from the first look on; a look takes what nobody has taken since the last. */
export function createSnmpSource(options: SnmpOptions): Source {
  return new SnmpSource(options)
}

class SnmpSource implements Source {
  readonly name = 'snmp'
  readonly #options: SnmpOptions
  readonly #boot: string
  readonly #sockets = new UdpSockets()
  readonly #lanes = new Lanes(LANES)
  readonly #devices: readonly Scheduled[]
  #take: (look: Look) => boolean = () => false
  #isStarted = false
  #isStopped = false

  constructor(options: SnmpOptions) {
    this.#options = options
    this.#boot = options.clock.bootId.toHex()
    this.#devices = options.devices.map((config) => this.#scheduled(config))
  }

  look(): Promise<readonly Look[]> {
    if (!this.#isStarted) this.#start()
    return Promise.resolve(this.#devices.flatMap(({ looks }) => looks.splice(0)))
  }

  handOver(take: (look: Look) => boolean): void {
    this.#take = take
  }

  faults(): readonly Fault[] {
    return this.#devices.flatMap(({ device, failure }) =>
      failure === undefined ? device.faults : [failure, ...device.faults],
    )
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const { timer } of this.#devices) clearTimeout(timer)
    await this.#sockets.close()
  }

  #scheduled(config: DeviceConfig): Scheduled {
    const { clock, facts } = this.#options
    const { address, name, retries, security, timeoutMs } = config
    const now = (): ReturnType<typeof instantOf> => instantOf(clock)
    const sockets = this.#sockets
    const session = new Session({ name, address, security, sockets, timeoutMs, retries, now })
    const device = new Device({ ...config, session }, readState(facts(`snmp/${name}`), this.#boot))
    const state = { timer: undefined, isTardy: false, failure: undefined }
    return { config, device, looks: [], ...state }
  }

  /** Spreads the first polls evenly over a cadence, and with them all that follow. */
  #start(): void {
    this.#isStarted = true
    for (const [index, scheduled] of this.#devices.entries()) {
      const offsetMs = Math.floor((scheduled.config.cadenceMs * index) / this.#devices.length)
      this.#pollAt(scheduled, this.#options.clock.monotonicMs() + offsetMs)
    }
  }

  #pollAt(scheduled: Scheduled, dueMs: number): void {
    if (this.#isStopped) return
    const { clock } = this.#options
    scheduled.timer = setTimeout(
      () => {
        void this.#lanes
          .run(scheduled.isTardy ? 'tardy' : 'prompt', () => this.#poll(scheduled))
          .then(() => {
            // Polls that were missed are not made up for.
            const { cadenceMs } = scheduled.config
            const lateMs = Math.max(0, clock.monotonicMs() - dueMs)
            this.#pollAt(scheduled, dueMs + (Math.floor(lateMs / cadenceMs) + 1) * cadenceMs)
          })
      },
      Math.max(0, dueMs - clock.monotonicMs()),
    )
  }

  async #poll(scheduled: Scheduled): Promise<void> {
    const { config, device, looks } = scheduled
    const startedMs = this.#options.clock.monotonicMs()
    try {
      const look = await device.poll()
      scheduled.failure = undefined
      if (look !== undefined) {
        const facts = new Map([[`snmp/${config.name}`, writeState(this.#boot, device.kept)]])
        looks.push({ ...look, facts })
        while (looks.length > 0 && this.#take(looks[0]!)) looks.shift()
        if (looks.length > WAITING_MAX) looks.shift()
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      scheduled.failure = fail('INTERNAL', `${config.name}: the poll failed: ${why}`).fault
    }
    const tookMs = this.#options.clock.monotonicMs() - startedMs
    scheduled.isTardy = !device.isReachable || tookMs > PROMPT_MS
  }
}

function instantOf(clock: Clock): { wallMs: number; monotonicMs: number; boottimeMs: number } {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), boottimeMs: clock.boottimeMs() }
}
