import type { Counter, PortState, ReadAt } from './interface-account.ts'
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
  const rows = [...ports].map(([name, { identity, state }]): Row => {
    const at = ats.get(state.at) ?? ats.size
    ats.set(state.at, at)
    const counters = state.counters.map((counter, index) =>
      counter === undefined ? null : `${counter.bits} ${counter.value} ${state.registers[index]}`,
    )
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
      const read = counters.map(readCounter)
      const state = {
        life,
        at: content.ats[at]!,
        discontinuity,
        counters: read.map((each) => each?.counter),
        registers: read.map((each) => each?.register),
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

function readCounter(text: string | null): { counter: Counter; register: bigint } | undefined {
  if (text === null) return undefined
  const [bits = '', value = '', register = ''] = text.split(' ')
  return { counter: { bits: bits === '32' ? 32 : 64, value: BigInt(value) }, register: BigInt(register) }
}
