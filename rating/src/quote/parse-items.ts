import type { Quote, QuoteRule } from './document.ts'
import type { Reader } from './parse.ts'

type Item = NonNullable<Quote['items']>[number]
type Selling = Extract<QuoteRule, { kind: 'usage' | 'percentile' }>

/** The rules with the meter, unit, rounding and name of the items that they sell; notes items that are not there, and what names none. */
export function withItems(rules: readonly QuoteRule[], items: readonly Item[], reader: Reader): QuoteRule[] {
  const known = new Map<string, Item>()
  items.forEach((item, index) => {
    if (known.has(item.id)) reader.refuse(`/items/${index}/id`, `another item has the id ${item.id} already`)
    known.set(item.id, item)
  })
  return rules.map((rule, index) => {
    if (rule.kind !== 'usage' && rule.kind !== 'percentile') return rule
    return sold(rule, known, `/rules/${index}`, reader)
  })
}

function sold(rule: Selling, items: ReadonlyMap<string, Item>, pointer: string, reader: Reader): QuoteRule {
  if (rule.item === undefined) {
    if (rule.select?.meters === undefined)
      reader.refuse(`${pointer}/select/meters`, 'name the meters, or the item that is sold')
    return rule
  }
  const item = items.get(rule.item)
  if (item === undefined) {
    reader.refuse(`${pointer}/item`, `there is no item ${rule.item}`)
    return rule
  }
  if (rule.select?.meters !== undefined)
    reader.refuse(`${pointer}/select/meters`, 'the item has the meter: leave one of them out')
  if (rule.unit !== undefined) reader.refuse(`${pointer}/unit`, 'the item has the unit: leave it out')
  const rounding = rule.rounding ?? item.rounding
  return {
    ...rule,
    name: rule.name ?? item.name ?? rule.id,
    select: { ...rule.select, meters: [item.meter] },
    unit: item.unit,
    ...(rounding === undefined ? {} : { rounding }),
  }
}
