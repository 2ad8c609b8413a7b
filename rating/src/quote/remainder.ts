import type { Fault } from '@vouch/proto/kernel/fault.ts'

/** What a document has, but nobody could read: whoever names it is not at fault. */
export interface Unread {
  /** Ids; undefined = any may be among them. */
  readonly rules: ReadonlySet<string> | undefined
  readonly items: ReadonlySet<string> | undefined
  /** Members that are not as they were given. */
  readonly members: ReadonlySet<string>
}

/** Whether something may be there under an id that nobody could read. */
export function isUnread(ids: ReadonlySet<string> | undefined, id: string): boolean {
  return ids === undefined || ids.has(id)
}

/** A document without the entries in which faults were found, so that these hide no others. */
export interface Remainder {
  /** What can still be read; undefined = nothing. */
  readonly document: Readonly<Record<string, unknown>> | undefined
  /** All faults so far, with pointers into the document as it was given. */
  readonly faults: readonly Fault[]
  readonly unread: Unread
  /** Where entries of an array were before others were left out; absent = where they are. */
  readonly places: Readonly<Record<string, readonly number[]>>
}

/** In the place of what every document needs: the currency has the most decimals, so that no amount has too many. */
export const STAND_INS = {
  currency: 'CLF',
  period: { from: '1970-01-01T00:00:00Z', to: '1970-01-02T00:00:00Z' },
} as const

/** A document in which nobody has looked for faults. */
export function remainderOf(document: unknown): Remainder {
  const none = new Set<string>()
  return {
    document: isObject(document) ? document : undefined,
    faults: [],
    unread: { rules: none, items: none, members: none },
    places: {},
  }
}

/** What is left without the entries and members in which these faults are, by their pointers into what was left so far. */
export function without(rest: Remainder, faults: readonly Fault[]): Remainder {
  if (faults.length === 0) return rest
  const all = [
    ...rest.faults,
    ...faults.map((fault) => ({ ...fault, pointer: givenPointer(rest, fault.pointer ?? '') })),
  ]
  const { document: given } = rest
  const paths = faults.map(({ pointer = '' }) => pointer.split('/').slice(1))
  if (given === undefined || paths.some(([member]) => member === undefined))
    return { ...rest, document: undefined, faults: all }
  const document: Record<string, unknown> = { ...given }
  const places: Record<string, readonly number[]> = { ...rest.places }
  const unread = { rules: rest.unread.rules, items: rest.unread.items }
  const byMember = Map.groupBy(paths, ([member]) => member!)
  for (const [member, own] of byMember) {
    const entries = given[member]
    const faulty = new Set(own.map(([, index]) => index))
    if (Array.isArray(entries) && !faulty.has(undefined)) {
      const isFaulty = (index: number): boolean => faulty.has(`${index}`)
      const kept = [...entries.keys()].filter((index) => !isFaulty(index))
      document[member] = kept.map((index) => entries[index] as unknown)
      places[member] = kept.map((index) => rest.places[member]?.[index] ?? index)
      if (member === 'rules' || member === 'items')
        unread[member] = withIds(
          unread[member],
          entries.filter((_, index) => isFaulty(index)),
        )
    } else if (member in STAND_INS) document[member] = STAND_INS[member as keyof typeof STAND_INS]
    else {
      delete document[member]
      if (member === 'items') unread.items = undefined
    }
  }
  const members = new Set([...rest.unread.members, ...byMember.keys()])
  return {
    document: 'rules' in document ? document : undefined,
    faults: all,
    unread: { ...unread, members },
    places,
  }
}

function withIds(
  known: ReadonlySet<string> | undefined,
  entries: readonly unknown[],
): ReadonlySet<string> | undefined {
  const ids = entries.map((entry) => (isObject(entry) ? entry['id'] : undefined))
  const named = ids.filter((id) => typeof id === 'string')
  return known === undefined || named.length < ids.length ? undefined : new Set([...known, ...named])
}

function givenPointer({ places }: Remainder, pointer: string): string {
  const [, member = '', index = '', ...inner] = pointer.split('/')
  const place = places[member]?.[Number.parseInt(index, 10)]
  return place === undefined || index === '' ? pointer : ['', member, `${place}`, ...inner].join('/')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
