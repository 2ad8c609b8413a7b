import type { CounterState, PortState, ReadAt } from './interface-account.ts'
import type { Identity } from './ports.ts'

/** An interface as it is kept from run to run. */
export interface KeptPort {
  readonly identity: Identity
  readonly state: PortState
}

/** The interfaces of a device under their names. */
export type KeptPorts = ReadonlyMap<string, KeptPort>

/** What profiles count of a device, under resource and meter. */
export type KeptCounters = ReadonlyMap<string, PortState>

/** What is kept of a device from run to run. */
export interface KeptDevice {
  readonly ports: KeptPorts
  readonly counters: KeptCounters
}

type Row = readonly [at: number, life: number, discontinuity: number, counters: readonly (string | null)[]]

interface Content {
  readonly boot: string
  readonly ats: readonly ReadAt[]
  readonly ports: readonly (readonly [name: string, alias: string, physical: string, ...Row])[]
  readonly counters: readonly (readonly [key: string, ...Row])[]
}

/** The text of what is kept of a device. `boot` names the boot of this host, whose clock the times are of. */
export function writeState(boot: string, { counters, ports }: KeptDevice): string {
  const ats = new Map<ReadAt, number>()
  const indexOf = (at: ReadAt): number => {
    const index = ats.get(at) ?? ats.size
    ats.set(at, index)
    return index
  }
  const rowOf = (state: PortState): Row => {
    const texts = state.counters.map((counter) =>
      counter === undefined
        ? null
        : `${counter.bits} ${counter.value} ${counter.register} ${indexOf(counter.at)}`,
    )
    return [indexOf(state.at), state.life, state.discontinuity, texts]
  }
  const rows = {
    ports: [...ports].map(
      ([name, { identity, state }]) => [name, identity.alias, identity.physical, ...rowOf(state)] as const,
    ),
    counters: [...counters].map(([key, state]) => [key, ...rowOf(state)] as const),
  }
  return JSON.stringify({ boot, ats: [...ats.keys()], ...rows } satisfies Content)
}

/**
 * Reads what `writeState` wrote. Of another boot of this host no clock tells how long ago it was, so nothing goes on
 * from there; nor from what cannot be read.
 */
export function readState(text: string | undefined, boot: string): KeptDevice {
  const content = contentOf(text)
  if (content === undefined || content.boot !== boot) return { ports: new Map(), counters: new Map() }
  const stateOf = ([at, life, discontinuity, counters]: Row): PortState => ({
    life,
    at: content.ats[at]!,
    discontinuity,
    counters: counters.map((counter) => readCounter(counter, content.ats)),
  })
  return {
    ports: new Map(
      content.ports.map(([name, alias, physical, ...row]) => [
        name,
        { identity: { alias, physical }, state: stateOf(row) },
      ]),
    ),
    counters: new Map(content.counters.map(([key, ...row]) => [key, stateOf(row)])),
  }
}

function contentOf(text: string | undefined): Content | undefined {
  try {
    const content = JSON.parse(text ?? 'null') as Content | null
    return Array.isArray(content?.ports) && Array.isArray(content.counters) ? content : undefined
  } catch {
    return undefined
  }
}

function readCounter(text: string | null, ats: readonly ReadAt[]): CounterState | undefined {
  if (text === null) return undefined
  const [bits = '', value = '', register = '', at = ''] = text.split(' ')
  return {
    bits: bits === '32' ? 32 : 64,
    value: BigInt(value),
    register: BigInt(register),
    at: ats[Number.parseInt(at, 10)]!,
  }
}
