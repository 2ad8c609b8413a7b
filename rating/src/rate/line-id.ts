import { formatInstant } from '@vouch/proto/kernel/period.ts'

/** The id of a line: what is billed, for what, from when. */
export function lineId(itemId: string, resource: string, fromMs: number): string {
  return `${itemId} ${resource} ${formatInstant(fromMs)}`
}
