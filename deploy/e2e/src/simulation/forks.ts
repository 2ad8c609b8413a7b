import type { AdmittedBatch, Hex } from '@vouch/collector/ports.ts'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Tables } from './tables.ts'

/** As the query has it, milliseconds. */
const CROSSING_MS = 10_000

/**
 * What the query of the real store finds: two batches under one sequence of a run, two that follow one digest,
 * two beginnings of which none admits that the spool was lost, or one that follows a batch from before the loss.
 * What was set aside for a broken chain, and was not taken since, proves nothing.
 */
export function forkedSince(tables: Tables, agent: Hex, sinceMs: number): boolean {
  const forked = placesOf(tables, agent, sinceMs)
    .values()
    .some((digests) => digests.size > 1)
  const crossedMs = crossingsOf(tables, agent)
  return forked || crossedMs.some((receivedMs) => receivedMs >= sinceMs)
}

/** When batches came that follow one from before a loss of the spool that the agent has admitted, epoch milliseconds. */
export function crossingsOf(tables: Tables, agent: Hex): number[] {
  const own = tables.batchesOf(Uint8Array.fromHex(agent))
  const byDigest = new Map(own.map((batch) => [batch.digest.toHex(), batch]))
  const begun = own
    .filter((batch) => batch.sequence === 1n && batch.previous.length === 0 && admitsLoss(batch))
    .map(({ runId }) => own.filter((batch) => batch.runId.toHex() === runId.toHex()))
    .map((run) => ({
      receivedMs: Math.min(...run.map(({ receivedMs }) => receivedMs)),
      sealedMs: Math.min(...run.map(({ wallMs }) => wallMs)),
    }))
  const broken = brokenOf(tables)
  return own
    .filter((batch) => {
      const before = byDigest.get(batch.previous.toHex())
      if (before === undefined || isAside(batch, broken)) return false
      return begun.some(
        ({ receivedMs, sealedMs }) =>
          before.receivedMs < receivedMs &&
          batch.receivedMs > receivedMs &&
          (batch.wallMs > sealedMs || batch.receivedMs > receivedMs + CROSSING_MS),
      )
    })
    .map(({ receivedMs }) => receivedMs)
}

/** Digests by the place that they claim in the chain, of what was taken since. */
function placesOf(tables: Tables, agent: Hex, sinceMs: number): Map<string, Set<Hex>> {
  const places = new Map<string, Set<Hex>>()
  const broken = brokenOf(tables)
  for (const batch of tables.batchesOf(Uint8Array.fromHex(agent))) {
    if (batch.receivedMs < sinceMs || isAside(batch, broken)) continue
    for (const place of claimsOf(batch)) {
      const digests = places.get(place) ?? new Set()
      places.set(place, digests.add(batch.digest.toHex()))
    }
  }
  return places
}

function brokenOf(tables: Tables): ReadonlySet<string> {
  const broken = tables.quarantine.values().filter(({ fault }) => fault?.code === 'CHAIN_BROKEN')
  return new Set(broken.map(standsAt))
}

function isAside(batch: AdmittedBatch, broken: ReadonlySet<string>): boolean {
  return batch.fault !== undefined && broken.has(standsAt(batch))
}

function standsAt({ agentId, runId, sequence }: AdmittedBatch): string {
  return `${agentId.toHex()} ${runId.toHex()} ${sequence}`
}

function claimsOf(batch: AdmittedBatch): string[] {
  const { sequence, previous } = batch
  const own = standsAt(batch)
  if (previous.length > 0) return [own, `after ${previous.toHex()}`]
  return sequence === 1n && !admitsLoss(batch) ? [own, 'the beginning'] : [own]
}

function admitsLoss({ columns }: AdmittedBatch): boolean {
  return columns?.losses.some(({ reason }) => reason === LossReason.SPOOL_CORRUPT) ?? false
}
