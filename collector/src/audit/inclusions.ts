import { create } from '@bufbuild/protobuf'
import { InclusionSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import type { Inclusion } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { formatDay } from '@vouch/proto/seal/day.ts'
import { PathCollector } from '@vouch/proto/seal/merkle.ts'
import type { DaySources } from './check-days.ts'
import type { StoredDay } from './day-store.ts'

/** Where batches, by digest in hexadecimal, stand under a day's root. The leaves are read twice. */
export async function inclusionsOf(
  { startMs }: StoredDay,
  digests: ReadonlySet<string>,
  leaves: DaySources['leaves'],
): Promise<Inclusion[]> {
  const places = new Map<string, number>()
  let size = 0
  for await (const page of leaves(startMs)) {
    for (const leaf of page) {
      const digest = leaf.toHex()
      if (digests.has(digest)) places.set(digest, size)
      size += 1
    }
  }
  const collector = new PathCollector(size, places.values())
  for await (const page of leaves(startMs)) for (const leaf of page) collector.add(leaf)
  return [...places].map(([digest, index]) =>
    create(InclusionSchema, {
      batchDigest: Uint8Array.fromHex(digest),
      day: formatDay(startMs),
      leafIndex: BigInt(index),
      path: collector.path(index),
    }),
  )
}
