import { create } from '@bufbuild/protobuf'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  type GetEvidenceRequest,
  type GetEvidenceResponse,
  GetEvidenceResponseSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES, decodeBody } from '@vouch/proto/wire/body.ts'
import type { Archive, BatchPlace } from '../rate/ports.ts'
import { type ChainLimits, chainLinks } from './chain.ts'

const DIGESTS_MAX = 100_000
const DIGEST_BYTES = 32
const BATCHES_AT_ONCE = 64

/**
 * The signed batches behind charges: in full, then the links between them, then the streams in the
 * full ones, then the keys that signed. A fault is the last thing that comes. Faults: FIELD_INVALID,
 * OUT_OF_RANGE, EVIDENCE_MISSING, STORE_UNAVAILABLE.
 */
export async function* evidence(
  request: GetEvidenceRequest,
  archive: Archive,
  limits: ChainLimits,
): AsyncGenerator<Result<GetEvidenceResponse>> {
  const places = await findAll(request, archive)
  if (!places.ok) return yield places
  const streamIds = new Set<string>()
  for await (const batch of read(places.value, true, archive)) {
    if (!batch.ok) return yield batch
    const streams = streamsOf(batch.value)
    if (!streams.ok) return yield streams
    for (const id of streams.value) streamIds.add(id)
    yield item({ case: 'batch', value: batch.value })
  }
  const signed = new Map(places.value.map((place) => [`${place.agentId} ${place.keyId}`, place]))
  for (const agent of Map.groupBy(places.value, ({ agentId }) => agentId).values()) {
    const links = await chainLinks(agent, archive, limits)
    if (!links.ok) return yield links
    for (const place of links.value) signed.set(`${place.agentId} ${place.keyId}`, place)
    for await (const batch of read(links.value, false, archive)) {
      if (!batch.ok) return yield batch
      yield item({ case: 'batch', value: batch.value })
    }
  }
  const streams = await archive.definitions([...streamIds].toSorted())
  if (!streams.ok) return yield streams
  if (streams.value.length < streamIds.size) return yield fail('EVIDENCE_MISSING', 'the definition of a stream is not stored')
  for (const value of streams.value) yield item({ case: 'stream', value })
  const keys = await archive.keys([...signed.values()])
  if (!keys.ok) return yield keys
  if (keys.value.length < signed.size) return yield fail('EVIDENCE_MISSING', 'a key that signed a batch is not in the archive')
  for (const value of keys.value) yield item({ case: 'key', value })
}

function item(kind: Exclude<GetEvidenceResponse['kind'], { case: undefined }>): Result<GetEvidenceResponse> {
  return ok(create(GetEvidenceResponseSchema, { kind }))
}

async function findAll(request: GetEvidenceRequest, archive: Archive): Promise<Result<BatchPlace[]>> {
  const digests = [...new Set(request.batchDigests.map(toHex))].toSorted()
  if (digests.length > DIGESTS_MAX) return fail('OUT_OF_RANGE', `more than ${DIGESTS_MAX} batches; ask in parts`)
  if (request.batchDigests.some(({ length }) => length !== DIGEST_BYTES)) {
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
): AsyncGenerator<Result<SignedBatch>> {
  const ordered = places.toSorted(byPlace)
  for (let i = 0; i < ordered.length; i += BATCHES_AT_ONCE) {
    const part = ordered.slice(i, i + BATCHES_AT_ONCE)
    const batches = await archive.batches(part, withBody)
    if (!batches.ok) return yield batches
    if (batches.value.length < part.length) return yield fail('EVIDENCE_MISSING', 'a batch has left the archive meanwhile')
    for (const batch of batches.value) yield ok(batch)
  }
}

function streamsOf(batch: SignedBatch): Result<string[]> {
  const columns = decodeBody(batch.body)
  if (!columns.ok) return fail('EVIDENCE_MISSING', `a batch in the archive is damaged: ${columns.fault.message}`)
  const { streamIds } = columns.value
  const count = streamIds.length / STREAM_ID_BYTES
  return ok(Array.from({ length: count }, (_, i) => toHex(streamIds.subarray(i * STREAM_ID_BYTES, (i + 1) * STREAM_ID_BYTES))))
}
