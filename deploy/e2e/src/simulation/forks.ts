import type { AdmittedBatch, Hex } from '@vouch/collector/ports.ts'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Tables } from './tables.ts'

/**
 * What the query of the real store finds: two batches under one sequence of a run, two that follow one digest,
 * or two beginnings of which none admits that the spool was lost. What was set aside for a broken chain proves nothing.
 */
export function forkedSince(tables: Tables, agent: Hex, sinceMs: number): boolean {
  return placesOf(tables, agent, sinceMs)
    .values()
    .some((digests) => digests.size > 1)
}

/** Digests by the place that they claim in the chain, of what was taken since. */
function placesOf(tables: Tables, agent: Hex, sinceMs: number): Map<string, Set<Hex>> {
  const places = new Map<string, Set<Hex>>()
  const broken = new Set(
    tables.quarantine
      .values()
      .filter(({ fault }) => fault?.code === 'CHAIN_BROKEN')
      .map(standsAt),
  )
  for (const batch of tables.batchesOf(Uint8Array.fromHex(agent))) {
    if (batch.receivedMs < sinceMs || broken.has(standsAt(batch))) continue
    for (const place of claimsOf(batch)) {
      const digests = places.get(place) ?? new Set()
      places.set(place, digests.add(batch.digest.toHex()))
    }
  }
  return places
}

function standsAt({ agentId, runId, sequence }: AdmittedBatch): string {
  return `${agentId.toHex()} ${runId.toHex()} ${sequence}`
}

function claimsOf(batch: AdmittedBatch): string[] {
  const { sequence, previous, columns } = batch
  const own = standsAt(batch)
  if (previous.length > 0) return [own, `after ${previous.toHex()}`]
  const admitsLoss = columns?.losses.some(({ reason }) => reason === LossReason.SPOOL_CORRUPT) ?? false
  return sequence === 1n && !admitsLoss ? [own, 'the beginning'] : [own]
}
