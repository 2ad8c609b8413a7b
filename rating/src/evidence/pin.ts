import { create } from '@bufbuild/protobuf'
import {
  type PinEvidenceRequest,
  type PinEvidenceResponse,
  PinEvidenceResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Archive, BatchPlace, EvidencePins } from '../rate/ports.ts'
import { type ChainLimits, chainLinks } from './chain.ts'
import { findAll } from './evidence.ts'

const DOCUMENT = /^[A-Za-z0-9._-]{1,64}$/
/** The clock of the store's retention ends in 2106; so far ahead nothing is promised. */
const RETAIN_UNTIL_MAX_MS = Date.UTC(2100, 0, 1)

/**
 * Keeps what a document rests on: its batches in full, and the headers that link them. The bodies hold
 * the readings, so usage and charges follow from them again when readings themselves have expired.
 * Faults: FIELD_INVALID, OUT_OF_RANGE, EVIDENCE_MISSING, STORE_UNAVAILABLE.
 */
export async function pinEvidence(
  { document: id, retainUntilMs: untilMs, batchDigests }: PinEvidenceRequest,
  archive: Archive,
  pins: EvidencePins,
  limits: ChainLimits,
): Promise<Result<PinEvidenceResponse>> {
  if (!DOCUMENT.test(id))
    return fail('FIELD_INVALID', 'a document is 1 to 64 letters, digits, ".", "_" or "-"', {
      pointer: '/document',
    })
  if (untilMs <= 0n || untilMs >= BigInt(RETAIN_UNTIL_MAX_MS))
    return fail('OUT_OF_RANGE', 'evidence is kept until an instant before the year 2100', {
      pointer: '/retainUntilMs',
    })
  const full = await findAll(batchDigests, archive)
  if (!full.ok) return full
  const links: BatchPlace[] = []
  for (const agent of Map.groupBy(full.value, ({ agentId }) => agentId).values()) {
    const between = await chainLinks(agent, archive, limits)
    if (!between.ok) return between
    links.push(...between.value)
  }
  const inFull = new Set(full.value.map(({ digest }) => digest))
  const only = links.filter(({ digest }) => !inFull.has(digest))
  const retainUntilMs = Number(untilMs)
  const pinned = await pins.pin({ id, retainUntilMs }, full.value, only)
  if (!pinned.ok) return pinned
  return ok(create(PinEvidenceResponseSchema, { batches: full.value.length, links: only.length }))
}
