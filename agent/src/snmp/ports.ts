import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Oid } from './ber.ts'

/** A row of a device's tables of interfaces. */
export interface Port {
  /** Changes when the device starts again; never a name. */
  readonly index: number
  readonly name: string
  /** The column that names it: ifName, or ifDescr where that is empty. */
  readonly column: Oid
  readonly alias: string
  /** Hardware address in hexadecimal. */
  readonly physical: string
  /** Bits a second as the device has it; 0 = it does not say. */
  readonly speed: bigint
  /** Whether it can pass packets now (ifOperStatus). */
  readonly isUp: boolean
}

/** What of an interface is kept to know it again. */
export type Identity = Pick<Port, 'alias' | 'physical'>

/** Which interfaces of a device are metered. */
export interface PortChoice {
  /** Patterns with * and ?. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Names of exactly what is metered; empty = whatever is included and stands above no other interface. */
  readonly billed: readonly string[]
}

/** One interface stands above another: a bundle above its members. */
export interface Stacking {
  readonly higher: number
  readonly lower: number
}

/** What is metered, and what is not and why. */
export interface Chosen {
  readonly ports: readonly Port[]
  /** Whether interfaces have one name, so that which one it means may change. */
  readonly hasTwins: boolean
  readonly faults: readonly Fault[]
}

/** Whether the name fits one of the patterns. */
export function fits(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    return new RegExp(`^${source.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'v').test(name)
  })
}

/**
 * Chooses what to meter. An interface is known by its name; of several with one name the one counts that alone is up,
 * as devices go on showing an interface that was taken away beside the new one; of several up, or none, the one that
 * alone has the alias or the hardware address by which it was known, else none does. Of interfaces that stand above others only
 * those are metered that are named as billed, and never two of one stack: the same octets would count twice.
 */
export function choosePorts(
  device: string,
  rows: readonly Port[],
  stackings: readonly Stacking[],
  choice: PortChoice,
  known: ReadonlyMap<string, Identity>,
): Chosen {
  const faults: Fault[] = []
  const wanted = rows.filter(({ name }) =>
    choice.billed.length > 0
      ? choice.billed.includes(name)
      : fits(name, choice.include) && !fits(name, choice.exclude),
  )
  const ports: Port[] = []
  const named = Map.groupBy(wanted, (port) => port.name)
  for (const [name, candidates] of named) {
    const up = candidates.filter(({ isUp }) => isUp)
    const likely = up.length === 0 ? candidates : up
    const port = likely.length === 1 ? likely[0] : theOneKnown(likely, known.get(name))
    if (port !== undefined) ports.push(port)
    else
      faults.push(ambiguous(`${device}: ${candidates.length} interfaces are named ${name}; none is metered`))
  }
  for (const name of choice.billed)
    if (!rows.some((port) => port.name === name))
      faults.push(ambiguous(`${device}: the interface ${name}, which is billed, does not exist`))
  const lowers = Map.groupBy(stackings, ({ higher }) => higher)
  const isBilled = choice.billed.length > 0
  const metered = new Set(ports.map(({ index }) => index))
  const unstacked = ports.filter((port) => {
    if (!isBilled) return !lowers.has(port.index)
    const isTwice = below(port.index, lowers).some((index) => metered.has(index))
    if (isTwice)
      faults.push(
        ambiguous(`${device}: ${port.name} stands above another billed interface; it is not metered`),
      )
    return !isTwice
  })
  return { ports: unstacked, hasTwins: named.size < wanted.length, faults }
}

function theOneKnown(candidates: readonly Port[], known: Identity | undefined): Port | undefined {
  if (known === undefined) return undefined
  for (const label of ['alias', 'physical'] as const) {
    const same = candidates.filter((port) => port[label] !== '' && port[label] === known[label])
    if (same.length === 1) return same[0]
  }
  return undefined
}

/** Everything below an interface, over any number of layers. */
function below(index: number, lowers: ReadonlyMap<number, readonly Stacking[]>): number[] {
  const found = new Set<number>()
  const open = [index]
  for (let higher = open.pop(); higher !== undefined; higher = open.pop())
    for (const { lower } of lowers.get(higher) ?? [])
      if (!found.has(lower)) {
        found.add(lower)
        open.push(lower)
      }
  return [...found].filter((lower) => lower !== index)
}

function ambiguous(message: string): Fault {
  return fail('INTERFACE_AMBIGUOUS', message).fault
}
