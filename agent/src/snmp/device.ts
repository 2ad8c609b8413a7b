import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Look, Sample } from '../ports.ts'
import type { Session } from './client.ts'
import { pollCounters, readFrame, ticksOf } from './counter-poll.ts'
import type { AnswerFrame, CounterPoll, WidthBook } from './counter-poll.ts'
import type { KeptPort, KeptPorts } from './device-state.ts'
import { COUNTED, accountPort, isRestarted } from './interface-account.ts'
import type { Flag, PortReading } from './interface-account.ts'
import { takeInventory } from './inventory.ts'
import type { Inventory } from './inventory.ts'
import { PDU } from './message.ts'
import { SCALAR } from './mib.ts'
import type { Port, PortChoice } from './ports.ts'
import { tellFlags } from './tell.ts'
import { Dose } from './walk.ts'

/** What is metered of a device. */
export interface DeviceOptions {
  readonly name: string
  readonly choice: PortChoice
  /** Bits a second of interfaces that say something else, or nothing. */
  readonly speeds: ReadonlyMap<string, bigint>
  readonly cadenceMs: number
  readonly session: Pick<Session, 'ask'>
}

/** An interface of the last poll with what was noted about it. */
export interface Noted {
  readonly port: string
  readonly flags: readonly Flag[]
}

/** How often names, speeds and stacks are read again at least. */
const INVENTORY_MS = 900_000
/** Interfaces a question: with their columns an answer stays below the 1472 octets that every device should send. */
const PORTS_AT_ONCE = 8
const TICK_MS = 10

/** One device, poll by poll. */
export class Device {
  readonly #options: DeviceOptions
  readonly #ports: Map<string, KeptPort>
  readonly #widths: WidthBook = new Map()
  #walkDose = new Dose()
  #dose = new Dose(PORTS_AT_ONCE)
  #inventory: Inventory | undefined
  #inventoryMs = 0
  #frame: AnswerFrame | undefined
  #faults: readonly Fault[] = []
  #noted: readonly Noted[] = []
  #isReachable = true

  constructor(options: DeviceOptions, kept: KeptPorts = new Map()) {
    this.#options = options
    this.#ports = new Map(kept)
  }

  /** Whether the last poll brought anything. */
  get isReachable(): boolean {
    return this.#isReachable
  }

  /** What is wrong since the last poll. */
  get faults(): readonly Fault[] {
    return this.#faults
  }

  /** What the last poll noted, interface by interface. */
  get noted(): readonly Noted[] {
    return this.#noted
  }

  /** Every interface as last read. */
  get kept(): KeptPorts {
    return this.#ports
  }

  /** Polls once. undefined = nothing was read, and nothing is said about the time in between. */
  async poll(): Promise<Look | undefined> {
    this.#noted = []
    const polled = await this.#poll()
    if (!polled.ok) {
      this.#isReachable = false
      this.#faults = [polled.fault]
      return undefined
    }
    this.#isReachable = true
    return polled.value
  }

  async #poll(): Promise<Result<Look | undefined>> {
    const { name, session } = this.#options
    if (!this.#isReachable) {
      this.#walkDose = new Dose()
      this.#dose = new Dose(PORTS_AT_ONCE)
    }
    const first = await readFrame(session, name)
    if (!first.ok) return first
    let isRebooted = await this.#noteFrame(first.value.frame)
    const read = async (): Promise<Result<CounterPoll | undefined>> => {
      const inventory = await this.#currentInventory()
      if (!inventory.ok) return inventory
      const polled = await pollCounters(session, name, inventory.value.ports, this.#dose, this.#widths)
      for (const frame of (polled.ok ? polled.value?.frames : undefined) ?? [])
        isRebooted = (await this.#noteFrame(frame)) || isRebooted
      if (polled.ok && (polled.value?.moved.length ?? 0) > 0) this.#inventory = undefined
      return polled
    }
    let polled = await read()
    // What changed while it was read is read once more, under the names of now.
    if (polled.ok && this.#inventory === undefined) polled = await read()
    if (!polled.ok) return polled
    const faults = [...(this.#inventory?.faults ?? [])]
    if (polled.value === undefined) {
      this.#faults = faults
      return ok(undefined)
    }
    if (polled.value.moved.length > 0)
      faults.push(
        fail('DEVICE_MALFORMED', `${name}: interfaces change their places while they are read`).fault,
      )
    return ok(this.#account(polled.value, isRebooted, faults))
  }

  /** Looks whether the device restarted or changed since the last frame; says whether the device itself rebooted. */
  async #noteFrame(frame: AnswerFrame): Promise<boolean> {
    const before = this.#frame ?? this.#keptFrame()
    const wasChanged = this.#frame !== undefined && this.#frame.lastChange !== frame.lastChange
    this.#frame = frame
    const isRestart = before !== undefined && isRestarted(before.at, frame.at)
    if (wasChanged || isRestart) this.#inventory = undefined
    if (!isRestart) return false
    this.#widths.clear()
    const answer = await this.#options.session.ask({ type: PDU.GET, oids: [SCALAR.hrSystemUptime] })
    const ticks = answer.ok ? ticksOf(answer.value.varbinds[0]) : undefined
    return ticks !== undefined && ticks * TICK_MS < frame.at.sentMs - before.at.receivedMs
  }

  #keptFrame(): AnswerFrame | undefined {
    const [kept] = this.#ports.values()
    return kept === undefined ? undefined : { at: kept.state.at, lastChange: undefined }
  }

  async #currentInventory(): Promise<Result<Inventory>> {
    const nowMs = this.#frame?.at.receivedMs ?? 0
    if (this.#inventory !== undefined && nowMs - this.#inventoryMs < INVENTORY_MS) return ok(this.#inventory)
    const { choice, name, session } = this.#options
    const known = new Map([...this.#ports].map(([port, { identity }]) => [port, identity]))
    const inventory = await takeInventory(session, this.#walkDose, name, choice, known)
    if (!inventory.ok) return inventory
    this.#inventory = inventory.value
    this.#inventoryMs = nowMs
    return inventory
  }

  #account({ readings, last }: CounterPoll, isRebooted: boolean, faults: readonly Fault[]): Look {
    const { cadenceMs, name } = this.#options
    const noted: Noted[] = []
    const samples: Sample[] = []
    const uncounted: string[] = []
    for (const [port, reading] of readings) {
      if (reading.counters.every((counter) => counter === undefined)) {
        uncounted.push(port.name)
        continue
      }
      const flags = this.#advance(port, reading, isRebooted, last.received.wallMs)
      noted.push({ port: port.name, flags })
      samples.push(...samplesOf(name, port, this.#ports.get(port.name)!))
    }
    this.#noted = noted
    const missing = uncounted.map(
      (port) => fail('DEVICE_MALFORMED', `${name}: the interface ${port} has no counters`).fault,
    )
    this.#faults = [...faults, ...missing, ...tellFlags(name, noted)]
    return { samples, at: last.received, track: `device:${name}`, cadenceMs }
  }

  #advance(port: Port, reading: PortReading, isRebooted: boolean, wallMs: number): readonly Flag[] {
    const speed = this.#options.speeds.get(port.name) ?? port.speed
    const before = this.#ports.get(port.name)
    const { flags, state } = accountPort(before?.state, reading, { speed, isRebooted, wallMs })
    const { alias, physical } = port
    this.#ports.set(port.name, { identity: { alias, physical }, state })
    return flags
  }
}

function samplesOf(device: string, { alias, name }: Port, { state }: KeptPort): Sample[] {
  const resource = `device:${device}/interface:${escapeSegment(name)}`
  const attributes = alias === '' ? {} : { ifAlias: alias }
  const life = state.life.toString(36)
  return COUNTED.flatMap((counted, index) => {
    const counter = state.counters[index]
    // A counter that this poll did not have says nothing now.
    if (counter?.at !== state.at) return []
    return [{ resource, meter: `interface.${counted}`, value: counter.register, life, attributes }]
  })
}
