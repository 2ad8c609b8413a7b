import { create } from '@bufbuild/protobuf'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  type GetEvidenceRequest,
  type GetEvidenceResponse,
  GetEvidenceResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES, decodeBody } from '@vouch/proto/wire/body.ts'
import type { Archive, BatchPlace } from '../rate/ports.ts'
import { type ChainLimits, chainLinks } from './chain.ts'

const DIGESTS_MAX = 100_000
const DIGEST_BYTES = 32
const BATCHES_AT_ONCE = 64

/**
 * The signed batches behind charges: in full, then the links between them, then the streams in the
 * full ones, then the keys that signed. Throws a FaultError: FIELD_INVALID, OUT_OF_RANGE,
 * EVIDENCE_MISSING, STORE_UNAVAILABLE.
 */
export async function* evidence(
  request: GetEvidenceRequest,
  archive: Archive,
  limits: ChainLimits,
): AsyncGenerator<GetEvidenceResponse> {
  const places = unwrap(await findAll(request.batchDigests, archive))
  const streamIds = new Set<string>()
  for await (const batch of read(places, true, archive)) {
    for (const id of streamsOf(batch)) streamIds.add(id)
    yield item({ case: 'batch', value: batch })
  }
  const signed = new Map(places.map((place) => [`${place.agentId} ${place.keyId}`, place]))
  for (const agent of Map.groupBy(places, ({ agentId }) => agentId).values()) {
    const links = unwrap(await chainLinks(agent, archive, limits))
    for (const place of links) signed.set(`${place.agentId} ${place.keyId}`, place)
    for await (const batch of read(links, false, archive)) yield item({ case: 'batch', value: batch })
  }
  const streams = unwrap(await archive.definitions([...streamIds].toSorted()))
  if (streams.length < streamIds.size)
    throwFault('EVIDENCE_MISSING', 'the definition of a stream is not stored')
  for (const value of streams) yield item({ case: 'stream', value })
  const keys = unwrap(await archive.keys([...signed.values()]))
  if (keys.length < signed.size)
    throwFault('EVIDENCE_MISSING', 'a key that signed a batch is not in the archive')
  for (const value of keys) yield item({ case: 'key', value })
}

function item(kind: Exclude<GetEvidenceResponse['kind'], { case: undefined }>): GetEvidenceResponse {
  return create(GetEvidenceResponseSchema, { kind })
}

/** The places of all batches asked for. Faults: OUT_OF_RANGE, FIELD_INVALID, EVIDENCE_MISSING, STORE_UNAVAILABLE. */
export async function findAll(
  batchDigests: readonly Uint8Array[],
  archive: Archive,
): Promise<Result<BatchPlace[]>> {
  const digests = [...new Set(batchDigests.map(toHex))].toSorted()
  if (digests.length > DIGESTS_MAX)
    return fail('OUT_OF_RANGE', `more than ${DIGESTS_MAX} batches; ask in parts`)
  if (batchDigests.some(({ length }) => length !== DIGEST_BYTES)) {
    return fail('FIELD_INVALID', `a digest has ${DIGEST_BYTES} bytes`, { pointer: '/batchDigests' })
  }
  const places = await archive.find(digests)
  if (!places.ok) return places
  const found = new Set(places.value.map(({ digest }) => digest))
  const missing = digests.find((digest) => !found.has(digest))
  if (missing !== undefined) return fail('EVIDENCE_MISSING', `the archive has no batch ${missing}`)
  return ok(places.value.toSorted(byPlace))
}

function byPlace(a: BatchPlace, b: BatchPlace): number {
  if (a.agentId !== b.agentId) return a.agentId < b.agentId ? -1 : 1
  if (a.runId !== b.runId) return a.runId < b.runId ? -1 : 1
  return a.sequence < b.sequence ? -1 : 1
}

/** Batches a few at a time, so that memory stays bounded whatever is asked for. */
async function* read(
  places: readonly BatchPlace[],
  withBody: boolean,
  archive: Archive,
): AsyncGenerator<SignedBatch> {
  const ordered = places.toSorted(byPlace)
  for (let i = 0; i < ordered.length; i += BATCHES_AT_ONCE) {
    const part = ordered.slice(i, i + BATCHES_AT_ONCE)
    const batches = unwrap(await archive.batches(part, withBody))
    if (batches.length < part.length) throwFault('EVIDENCE_MISSING', 'a batch has left the archive meanwhile')
    yield* batches
  }
}

function streamsOf(batch: SignedBatch): string[] {
  const columns = decodeBody(batch.body)
  if (!columns.ok)
    throwFault('EVIDENCE_MISSING', `a batch in the archive is damaged: ${columns.fault.message}`)
  const { streamIds } = columns.value
  const count = streamIds.length / STREAM_ID_BYTES
  return Array.from({ length: count }, (_, i) =>
    toHex(streamIds.subarray(i * STREAM_ID_BYTES, (i + 1) * STREAM_ID_BYTES)),
  )
}
