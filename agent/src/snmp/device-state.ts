import type { CounterState, PortState, ReadAt } from './interface-account.ts'
import type { Identity } from './ports.ts'

/** An interface as it is kept from run to run. */
export interface KeptPort {
  readonly identity: Identity
  readonly state: PortState
}

/** The interfaces of a device under their names. */
export type KeptPorts = ReadonlyMap<string, KeptPort>

type Row = readonly [
  name: string,
  alias: string,
  physical: string,
  at: number,
  life: number,
  discontinuity: number,
  counters: readonly (string | null)[],
]

interface Content {
  readonly boot: string
  readonly ats: readonly ReadAt[]
  readonly ports: readonly Row[]
}

/** The text of what is kept of a device. `boot` names the boot of this host, whose clock the times are of. */
export function writeState(boot: string, ports: KeptPorts): string {
  const ats = new Map<ReadAt, number>()
  const indexOf = (at: ReadAt): number => {
    const index = ats.get(at) ?? ats.size
    ats.set(at, index)
    return index
  }
  const rows = [...ports].map(([name, { identity, state }]): Row => {
    const counters = state.counters.map((counter) =>
      counter === undefined
        ? null
        : `${counter.bits} ${counter.value} ${counter.register} ${indexOf(counter.at)}`,
    )
    const at = indexOf(state.at)
    return [name, identity.alias, identity.physical, at, state.life, state.discontinuity, counters]
  })
  return JSON.stringify({ boot, ats: [...ats.keys()], ports: rows } satisfies Content)
}

/**
 * Reads what `writeState` wrote. Of another boot of this host no clock tells how long ago it was, so nothing goes on
 * from there; nor from what cannot be read.
 */
export function readState(text: string | undefined, boot: string): KeptPorts {
  const content = contentOf(text)
  if (content === undefined || content.boot !== boot) return new Map()
  return new Map(
    content.ports.map(([name, alias, physical, at, life, discontinuity, counters]) => {
      const state = {
        life,
        at: content.ats[at]!,
        discontinuity,
        counters: counters.map((counter) => readCounter(counter, content.ats)),
      }
      return [name, { identity: { alias, physical }, state }]
    }),
  )
}

function contentOf(text: string | undefined): Content | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Content)
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
