import type { BuiltInMeter } from '@vouch/proto/kernel/meter.ts'
import type { Sample, Unavailable } from '../ports.ts'

/** What one part of a host gave, and what it could not give. */
export interface Part {
  readonly samples: readonly Sample[]
  readonly missing: readonly Unavailable[]
}

/** A part that gave something. */
export function part(samples: readonly Sample[], missing: readonly Unavailable[] = []): Part {
  return { samples, missing }
}

/** A part that gave nothing. */
export function absent(reason: string, ...meters: readonly BuiltInMeter[]): Part {
  return part(
    [],
    meters.map((meter) => ({ meter, reason })),
  )
}
