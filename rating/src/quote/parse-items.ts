import type { Quote } from './document.ts'
import type { QuoteRule } from './rule-document.ts'
import type { Reader } from './parse.ts'
import { isUnread } from './remainder.ts'

type Item = NonNullable<Quote['items']>[number]
type Selling = Extract<QuoteRule, { kind: 'usage' | 'percentile' }>

/** A rule with what it takes from the item that it sells. */
export interface SoldRule {
  readonly rule: QuoteRule
  /** Undefined = it sells none. */
  readonly item: Item | undefined
}

/** The rules with the meter, unit, quantities and name of the items that they sell; notes items that are not there, and what names none. */
export function withItems(rules: readonly QuoteRule[], items: readonly Item[], reader: Reader): SoldRule[] {
  const known = new Map<string, Item>()
  items.forEach((item, index) => {
    if (known.has(item.id)) reader.refuse(`/items/${index}/id`, `another item has the id ${item.id} already`)
    known.set(item.id, item)
  })
  return rules.map((rule, index) => {
    if (rule.kind !== 'usage' && rule.kind !== 'percentile') return { rule, item: undefined }
    return sold(rule, known, `/rules/${index}`, reader)
  })
}

/** In words, whether a member is the item's or in the place of the item's; empty where the item has none. */
export function originOf(
  member: 'threshold' | 'increment',
  rule: Extract<QuoteRule, { kind: 'usage' }>,
  item: Item | undefined,
): string {
  const inherited = item?.[member]
  if (item === undefined || inherited === undefined) return ''
  if (rule[member] === inherited) return ` of item ${item.id}`
  const value = 'size' in inherited ? inherited.size : inherited.quantity
  return ` instead of ${value} of item ${item.id}`
}

function sold(rule: Selling, items: ReadonlyMap<string, Item>, pointer: string, reader: Reader): SoldRule {
  if (rule.item === undefined) {
    if (rule.select?.meters === undefined)
      reader.refuse(`${pointer}/select/meters`, 'name the meters, or the item that is sold')
    return { rule, item: undefined }
  }
  const item = items.get(rule.item)
  if (item === undefined) {
    if (!isUnread(reader.unread.items, rule.item))
      reader.refuse(`${pointer}/item`, `there is no item ${rule.item}`)
    return { rule, item }
  }
  if (rule.select?.meters !== undefined)
    reader.refuse(`${pointer}/select/meters`, 'the item has the meter: leave one of them out')
  if (rule.unit !== undefined) reader.refuse(`${pointer}/unit`, 'the item has the unit: leave it out')
  const of = {
    name: rule.name ?? item.name ?? rule.id,
    select: { ...rule.select, meters: [item.meter] },
    unit: item.unit,
    ...either('rounding', rule.rounding ?? item.rounding),
  }
  if (rule.kind === 'usage') {
    const threshold = either('threshold', rule.threshold ?? item.threshold)
    const increment = either('increment', rule.increment ?? item.increment)
    return { rule: { ...rule, ...of, ...threshold, ...increment }, item }
  }
  for (const member of ['threshold', 'increment'] as const)
    if (item[member] !== undefined)
      reader.refuse(
        `${pointer}/item`,
        `item ${item.id} has a member ${member}, which ranked slots do not take`,
      )
  return { rule: { ...rule, ...of }, item }
}

/** The member, where there is a value. */
function either<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [name in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: Value })
}
