import type { CounterState, PortState, ReadAt } from './interface-account.ts'
import { readJson } from './device-state-json.ts'
import { InOrder } from './in-order.ts'
import { PackedReader, PackedWriter } from './packed.ts'
import type { Identity } from './ports.ts'

/** An interface as it is kept from poll to poll, and from run to run. */
export interface KeptPort {
  readonly identity: Identity
  readonly state: PortState
}

/** What is kept of a device from poll to poll, and from run to run. */
export interface KeptDevice {
  /** Interfaces under their names. */
  readonly ports: InOrder<KeptPort>
  /** What profiles count, under resource and meter. */
  readonly counters: Map<string, PortState>
}

/** Of a device that was not read yet. */
export function nothingKept(): KeptDevice {
  return { ports: new InOrder(), counters: new Map() }
}

/** When the device was read last. */
export function lastAtOf({ counters, ports }: KeptDevice): ReadAt | undefined {
  const [port] = ports
  const [counter] = counters.values()
  return port?.[1].state.at ?? counter?.at
}

const NO_BOOTS = 2 ** 32 - 1
const NOT_READ = 0
/** A counter of 64 bits that was read with its interface: the register is its value. */
const PLAIN = 1
const writer = new PackedWriter()

/**
 * What is kept, in a fifth of the room that objects take: a device lies so between two polls. Octets in the room of
 * `rest` where they fit. Throws RangeError where a counter exceeds 64 bits.
 */
export function pack(
  { counters, ports }: KeptDevice,
  rest?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const ats = new Map<ReadAt, number>()
  for (const [, { state }] of ports) collect(ats, state)
  for (const state of counters.values()) collect(ats, state)
  const to = writer.begin()
  to.uint32(ats.size)
  for (const at of ats.keys()) packAt(to, at)
  to.uint32(ports.size)
  for (const [name, { identity, state }] of ports) {
    for (const text of [name, identity.alias, identity.physical]) to.text(text)
    packState(to, state, ats)
  }
  to.uint32(counters.size)
  for (const [key, state] of counters) {
    to.text(key)
    packState(to, state, ats)
  }
  const { bytes } = to
  const room =
    rest !== undefined && rest.buffer.byteLength >= bytes.length ? rest.buffer : new ArrayBuffer(bytes.length)
  const packed = new Uint8Array(room, 0, bytes.length)
  packed.set(bytes)
  return packed
}

/** Reads what `pack` wrote. Throws RangeError where it ends early. */
export function unpack(bytes: Uint8Array): KeptDevice {
  const from = new PackedReader(bytes)
  const ats = from.list(() => unpackAt(from))
  const ports = from.list(() => {
    const [name, alias, physical] = [from.text(), from.text(), from.text()]
    return [name, { identity: { alias, physical }, state: unpackState(from, ats) }] as const
  })
  const counters = from.list(() => [from.text(), unpackState(from, ats)] as const)
  return { ports: new InOrder(ports), counters: new Map(counters) }
}

function collect(ats: Map<ReadAt, number>, { at, counters }: PortState): void {
  if (!ats.has(at)) ats.set(at, ats.size)
  for (const counter of counters)
    if (counter !== undefined && counter.at !== at && !ats.has(counter.at)) ats.set(counter.at, ats.size)
}

function packAt(to: PackedWriter, { boots, engine, receivedMs, sentMs, uptime }: ReadAt): void {
  to.integer(sentMs)
  to.integer(receivedMs)
  to.uint32(uptime)
  to.uint32(boots ?? NO_BOOTS)
  to.text(engine ?? '')
}

function unpackAt(from: PackedReader): ReadAt {
  const [sentMs, receivedMs, uptime, boots] = [from.integer(), from.integer(), from.uint32(), from.uint32()]
  const engine = from.text()
  return {
    sentMs,
    receivedMs,
    uptime,
    engine: engine === '' ? undefined : engine,
    boots: boots === NO_BOOTS ? undefined : boots,
  }
}

function packState(to: PackedWriter, state: PortState, ats: ReadonlyMap<ReadAt, number>): void {
  to.uint32(ats.get(state.at)!)
  to.integer(state.life)
  to.uint32(state.discontinuity)
  to.uint32(state.counters.length)
  for (const counter of state.counters) {
    if (counter === undefined) {
      to.uint8(NOT_READ)
      continue
    }
    const { at, bits, register, value } = counter
    const isPlain = bits === 64 && register === value && at === state.at
    to.uint8(isPlain ? PLAIN : bits)
    to.uint64(value)
    if (isPlain) continue
    to.uint64(register)
    to.uint32(ats.get(at)!)
  }
}

function unpackState(from: PackedReader, ats: readonly ReadAt[]): PortState {
  const [at, life, discontinuity] = [ats[from.uint32()]!, from.integer(), from.uint32()]
  const counters = from.list((): CounterState | undefined => {
    const kind = from.uint8()
    if (kind === NOT_READ) return undefined
    const value = from.uint64()
    if (kind === PLAIN) return { bits: 64, value, register: value, at }
    return { bits: kind === 32 ? 32 : 64, value, register: from.uint64(), at: ats[from.uint32()]! }
  })
  return { life, at, discontinuity, counters }
}

/** The text of what is kept of a device. `boot` names the boot of this host, whose clock the times are of. */
export function writeState(boot: string, packed: Uint8Array): string {
  return `${boot} ${packed.toBase64()}`
}

/**
 * Reads what `writeState` wrote. Of another boot of this host no clock tells how long ago it was, so nothing goes on
 * from there; nor from what cannot be read.
 */
export function readState(text: string | undefined, boot: string): KeptDevice {
  if (text?.startsWith('{') === true) return readJson(text, boot) ?? nothingKept()
  const [of, packed] = text?.split(' ') ?? []
  if (of !== boot || packed === undefined) return nothingKept()
  try {
    return unpack(Uint8Array.fromBase64(packed))
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError) return nothingKept()
    throw error
  }
}
