import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Sample } from '../ports.ts'
import type { Session } from './client.ts'
import type { KeptDevice, KeptPort } from './device-state.ts'
import { COUNTED, LINE_BITS, accountPort } from './interface-account.ts'
import type { Flag, PortReading } from './interface-account.ts'
import { pollInterfaces } from './interface-poll.ts'
import type { InterfacePoll } from './interface-poll.ts'
import { takeInventory } from './inventory.ts'
import { packPorts, unpackPorts } from './metered-port.ts'
import type { MeteredPort } from './metered-port.ts'
import { INVENTORY_MS } from './part.ts'
import type { Counted, DeviceFacts, Noted, Part, PartRead } from './part.ts'
import type { Identity, PortChoice } from './ports.ts'
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
const NO_ATTRIBUTES = {}
let lastLife = { life: 0, name: '0' }

/** Which interfaces a device had when it was looked at last. */
interface Known {
  readonly faults: readonly Fault[]
  readonly hasTwins: boolean
  readonly takenMs: number
}

/** The interfaces of a device. */
export class InterfacePart implements Part {
  readonly #options: InterfaceOptions
  #walkDose = new Dose()
  #dose = new Dose(PORTS_AT_ONCE)
  /** undefined = what is packed may be out of date. */
  #known: Known | undefined
  #packed = packPorts([])

  constructor(options: InterfaceOptions) {
    this.#options = options
  }

  get isSettled(): boolean {
    return this.#known !== undefined
  }

  forget(restarted: boolean): void {
    this.#known = undefined
    if (restarted) this.#packed = packPorts([])
  }

  beginAnew(): void {
    this.#walkDose = new Dose()
    this.#dose = new Dose(PORTS_AT_ONCE)
  }

  async read(nowMs: number, kept: KeptDevice): Promise<Result<PartRead>> {
    const ports = await this.#ports(nowMs, kept.ports)
    if (!ports.ok) return ports
    const { name, session } = this.#options
    const faults = this.#known?.faults ?? []
    const isNew = ports.value.some(({ widths }) => widths === undefined)
    const polled = await pollInterfaces(session, name, ports.value, this.#dose)
    if (isNew) this.#packed = packPorts(ports.value)
    if (!polled.ok) return polled
    const { frames, last, moved } = polled.value
    if (moved.length > 0) this.#known = undefined
    return ok({
      frames,
      last,
      count: (facts, { ports: own }) => this.#count(faults, polled.value, facts, own),
    })
  }

  /** What is metered, looked up where that is not known. */
  async #ports(nowMs: number, kept: KeptDevice['ports']): Promise<Result<readonly MeteredPort[]>> {
    const before = unpackPorts(this.#packed)
    const lastsMs = this.#known?.hasTwins === true ? TWINS_MS : INVENTORY_MS
    if (this.#known !== undefined && nowMs - this.#known.takenMs < lastsMs) return ok(before)
    const { choice, name, session } = this.#options
    const identities = new Map([...kept].map(([port, { identity }]) => [port, identity]))
    const inventory = await takeInventory(session, this.#walkDose, name, choice, identities)
    if (!inventory.ok) return inventory
    const { faults, hasTwins } = inventory.value
    const widths = new Map(before.map((port) => [port.name, port.widths]))
    const ports = inventory.value.ports.map((port) => ({ ...port, widths: widths.get(port.name) }))
    this.#packed = packPorts(ports)
    this.#known = { faults, hasTwins, takenMs: nowMs }
    return ok(ports)
  }

  #count(
    faults: readonly Fault[],
    { moved, readings }: InterfacePoll,
    facts: DeviceFacts,
    ports: KeptDevice['ports'],
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
      if (flags.length > 0) noted.push({ port: port.name, flags })
      addSamples(samples, name, port, kept)
    }
    return { samples, noted, faults: told }
  }

  #advance(
    port: MeteredPort,
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

function addSamples(
  samples: Sample[],
  device: string,
  { alias, name }: MeteredPort,
  { state }: KeptPort,
): void {
  const resource = `device:${device}/interface:${escapeSegment(name)}`
  const attributes = alias === '' ? NO_ATTRIBUTES : { ifAlias: alias }
  const life = nameOfLife(state.life)
  for (let index = 0; index < state.counters.length; index += 1) {
    const counter = state.counters[index]
    // A counter that this poll did not have says nothing now.
    if (counter?.at !== state.at) continue
    samples.push({ resource, meter: METERS[index]!, value: counter.register, life, attributes })
  }
}

/** Interfaces of a device mostly began together. */
function nameOfLife(life: number): string {
  if (lastLife.life !== life) lastLife = { life, name: life.toString(36) }
  return lastLife.name
}
