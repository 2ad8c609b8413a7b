import type { KeptDevice } from './device-state.ts'
import { InOrder } from './in-order.ts'
import type { CounterState, PortState, ReadAt } from './interface-account.ts'

type Row = readonly [at: number, life: number, discontinuity: number, counters: readonly (string | null)[]]

interface Content {
  readonly boot: string
  readonly ats: readonly ReadAt[]
  readonly ports: readonly (readonly [name: string, alias: string, physical: string, ...Row])[]
  readonly counters: readonly (readonly [key: string, ...Row])[]
}

/** Reads what was kept of a device as JSON, before it was packed; undefined of another boot, or where it is none. */
export function readJson(text: string, boot: string): KeptDevice | undefined {
  const content = contentOf(text)
  if (content?.boot !== boot) return undefined
  const stateOf = ([at, life, discontinuity, counters]: Row): PortState => ({
    life,
    at: content.ats[at]!,
    discontinuity,
    counters: counters.map((counter) => readCounter(counter, content.ats)),
  })
  return {
    ports: new InOrder(
      content.ports.map(([name, alias, physical, ...row]) => [
        name,
        { identity: { alias, physical }, state: stateOf(row) },
      ]),
    ),
    counters: new Map(content.counters.map(([key, ...row]) => [key, stateOf(row)])),
  }
}

function contentOf(text: string): Content | undefined {
  try {
    const content = JSON.parse(text) as Content | null
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
