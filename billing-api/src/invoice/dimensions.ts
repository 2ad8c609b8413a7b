import type { Measurement } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'

/** Names and values that usage is told apart by. */
export type Dimensions = Readonly<Record<string, string>>

/** Whether all that is wanted is there. */
export function hasDimensions(
  dimensions: Dimensions,
  wanted: readonly (readonly [name: string, value: string])[],
): boolean {
  return wanted.every(([name, value]) => dimensions[name] === value)
}

/** What all measurements have in common. */
export function commonDimensions(measured: readonly Pick<Measurement, 'dimensions'>[]): Dimensions {
  const [first, ...rest] = measured
  const members = Object.entries(first?.dimensions ?? {}).filter(([name, value]) =>
    rest.every(({ dimensions }) => dimensions[name] === value),
  )
  return Object.fromEntries(members)
}

/** As one JSON object, names in ascending order. */
export function dimensionsText(dimensions: Dimensions): string {
  const members = Object.entries(dimensions).toSorted(([a], [b]) => compareText(a, b))
  return JSON.stringify(Object.fromEntries(members))
}
