import { type Period, formatInstant } from '@vouch/proto/kernel/period.ts'
import type { LineKind } from '../rule/types.ts'

/** The id of a line: the rule, what kind of line it is, which pool, from when. */
export function lineId(
  { rule, kind, pool }: { readonly rule: string; readonly kind: LineKind; readonly pool: string },
  { from }: Period,
): string {
  const name = kind === 'usage' || kind === rule ? rule : `${rule} ${kind}`
  return [name, pool, formatInstant(from)].filter((text) => text !== '').join(' ')
}
