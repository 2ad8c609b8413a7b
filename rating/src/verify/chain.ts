import { toHex } from '@vouch/proto/kernel/bytes.ts'
import type { CheckedBatch, CheckedBatches } from './batches.ts'
import { mismatch } from './mismatch.ts'

/** What the proof shows of an agent's chain. */
export interface ChainSummary {
  readonly agentId: string
  readonly batches: number
  /** Unbroken stretches: 1 = every batch from the first to the last is there. */
  readonly stretches: number
}

/**
 * Checks each agent's chain: sequences count by one, each batch names the digest of the one before,
 * no batch has two successors, and a batch without body links two others.
 */
export function checkChain(batches: CheckedBatches): ChainSummary[] {
  const next = new Map<string, CheckedBatch>()
  const places = new Map<string, CheckedBatch>()
  for (const batch of batches.values()) {
    const place = placeOf(batch, batch.header.sequence)
    const twin = places.get(place)
    if (twin !== undefined)
      mismatch(`${batch.path}.header`, `has the sequence of ${twin.path} but another content`)
    places.set(place, batch)
    const previous = toHex(batch.header.previousDigest)
    const sibling = previous === '' ? undefined : next.get(previous)
    if (sibling !== undefined)
      mismatch(`${batch.path}.header`, `follows the same batch as ${sibling.path}: the chain forks`)
    next.set(previous, batch)
  }
  for (const batch of batches.values()) checkLink(batch, batches, places, next)
  return summaries(batches)
}

const placeOf = (batch: CheckedBatch, sequence: bigint): string =>
  `${batch.agentId} ${toHex(batch.header.runId)} ${sequence}`

function checkLink(
  batch: CheckedBatch,
  batches: CheckedBatches,
  places: ReadonlyMap<string, CheckedBatch>,
  next: ReadonlyMap<string, CheckedBatch>,
): void {
  const { header, path } = batch
  const field = `${path}.header`
  const previous = batches.get(toHex(header.previousDigest))
  const neighbour = places.get(placeOf(batch, header.sequence - 1n))
  if (neighbour !== undefined && neighbour !== previous) {
    mismatch(field, `comes after ${neighbour.path} but does not name its digest`)
  }
  if (previous !== undefined) {
    const sameRun = toHex(previous.header.runId) === toHex(header.runId)
    if (previous.agentId !== batch.agentId) mismatch(field, `follows ${previous.path} of another agent`)
    const expected = sameRun ? previous.header.sequence + 1n : 1n
    if (header.sequence !== expected)
      mismatch(field, `has sequence ${header.sequence} after ${previous.path}, not ${expected}`)
  }
  const linked = previous !== undefined && next.has(toHex(batch.digest))
  if (batch.body.length === 0 && !linked) mismatch(path, 'has no body and links no two batches of the proof')
}

function summaries(batches: CheckedBatches): ChainSummary[] {
  const agents = Map.groupBy(batches.values(), ({ agentId }) => agentId)
  return [...agents].map(([agentId, own]) => ({
    agentId,
    batches: own.length,
    stretches: own.filter(({ header }) => !batches.has(toHex(header.previousDigest))).length,
  }))
}
