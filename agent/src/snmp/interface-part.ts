import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Sample } from '../ports.ts'
import type { Session } from './client.ts'
import type { KeptDevice, KeptPort } from './device-state.ts'
import { COUNTED, LINE_BITS, accountPort } from './interface-account.ts'
import type { Flag, PortReading } from './interface-account.ts'
import { pollInterfaces } from './interface-poll.ts'
import type { InterfacePoll, WidthBook } from './interface-poll.ts'
import { takeInventory } from './inventory.ts'
import type { Inventory } from './inventory.ts'
import { INVENTORY_MS } from './part.ts'
import type { Counted, DeviceFacts, Noted, Part, PartRead } from './part.ts'
import type { Identity, Port, PortChoice } from './ports.ts'
import { Dose } from './walk.ts'

/** Which interfaces of a device are metered. */
export interface InterfaceOptions {
  /** Name of the device. */
  readonly name: string
  readonly choice: PortChoice
  /** Bits a second of interfaces that say something else, or nothing. */
  readonly speeds: ReadonlyMap<string, bigint>
  readonly session: Pick<Session, 'ask'>
}

/** Interfaces a question: with their columns an answer stays below the 1472 octets that every device should send. */
const PORTS_AT_ONCE = 8
/** How long it is known which of several interfaces with one name is up. */
const TWINS_MS = 60_000

const METERS = COUNTED.map((counted) => `interface.${counted}`)

/** The interfaces of a device. */
export class InterfacePart implements Part {
  readonly #options: InterfaceOptions
  readonly #widths: WidthBook = new Map()
  #walkDose = new Dose()
  #dose = new Dose(PORTS_AT_ONCE)
  #inventory: Inventory | undefined
  #inventoryMs = 0

  constructor(options: InterfaceOptions) {
    this.#options = options
  }

  get isSettled(): boolean {
    return this.#inventory !== undefined
  }

  forget(restarted: boolean): void {
    this.#inventory = undefined
    if (restarted) this.#widths.clear()
  }

  beginAnew(): void {
    this.#walkDose = new Dose()
    this.#dose = new Dose(PORTS_AT_ONCE)
  }

  async read(nowMs: number, { ports }: KeptDevice): Promise<Result<PartRead>> {
    const inventory = await this.#currentInventory(nowMs, ports)
    if (!inventory.ok) return inventory
    const { name, session } = this.#options
    const polled = await pollInterfaces(session, name, inventory.value.ports, this.#dose, this.#widths)
    if (!polled.ok) return polled
    const { frames, last, moved } = polled.value
    if (moved.length > 0) this.#inventory = undefined
    return ok({
      frames,
      last,
      count: (facts, kept) => this.#count(inventory.value, polled.value, facts, kept),
    })
  }

  async #currentInventory(nowMs: number, kept: KeptDevice['ports']): Promise<Result<Inventory>> {
    const lastsMs = this.#inventory?.hasTwins === true ? TWINS_MS : INVENTORY_MS
    if (this.#inventory !== undefined && nowMs - this.#inventoryMs < lastsMs) return ok(this.#inventory)
    const { choice, name, session } = this.#options
    const known = new Map([...kept].map(([port, { identity }]) => [port, identity]))
    const inventory = await takeInventory(session, this.#walkDose, name, choice, known)
    if (!inventory.ok) return inventory
    this.#inventory = inventory.value
    this.#inventoryMs = nowMs
    return inventory
  }

  #count(
    { faults }: Inventory,
    { moved, readings }: InterfacePoll,
    facts: DeviceFacts,
    { ports }: KeptDevice,
  ): Counted {
    const { name } = this.#options
    const noted: Noted[] = []
    const samples: Sample[] = []
    const told = [...faults]
    if (moved.length > 0)
      told.push(fail('DEVICE_MALFORMED', `${name}: interfaces change their places while they are read`).fault)
    for (const [port, reading] of readings) {
      if (reading.counters.every((counter) => counter === undefined)) {
        told.push(fail('DEVICE_MALFORMED', `${name}: the interface ${port.name} has no counters`).fault)
        continue
      }
      const { flags, kept } = this.#advance(port, reading, facts, ports.get(port.name))
      ports.set(port.name, kept)
      noted.push({ port: port.name, flags })
      addSamples(samples, name, port, kept)
    }
    return { samples, noted, faults: told }
  }

  #advance(
    port: Port,
    reading: PortReading,
    facts: DeviceFacts,
    before: KeptPort | undefined,
  ): { readonly flags: readonly Flag[]; readonly kept: KeptPort } {
    const speed = this.#options.speeds.get(port.name) ?? port.speed
    const { alias, physical } = port
    const isExchanged = before !== undefined && isAnother(before.identity, { alias, physical })
    const known = { ...facts, speed, bits: LINE_BITS, isExchanged }
    const { flags, state } = accountPort(before?.state, reading, known)
    return { flags, kept: { identity: { alias, physical }, state } }
  }
}

/** Whether another piece of hardware has the name, and no alias says that it took the place of the one before. */
function isAnother(before: Identity, now: Identity): boolean {
  if (now.alias !== '' && now.alias === before.alias) return false
  return before.physical !== '' && now.physical !== '' && before.physical !== now.physical
}

function addSamples(samples: Sample[], device: string, { alias, name }: Port, { state }: KeptPort): void {
  const resource = `device:${device}/interface:${escapeSegment(name)}`
  const attributes = alias === '' ? {} : { ifAlias: alias }
  const life = state.life.toString(36)
  for (let index = 0; index < state.counters.length; index += 1) {
    const counter = state.counters[index]
    // A counter that this poll did not have says nothing now.
    if (counter?.at !== state.at) continue
    samples.push({ resource, meter: METERS[index]!, value: counter.register, life, attributes })
  }
}
