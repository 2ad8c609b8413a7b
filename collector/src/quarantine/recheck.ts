import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Failure, Result } from '@vouch/proto/kernel/fault.ts'
import type { OpenedBatch } from '@vouch/proto/seal/batch.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { BodyLimits, Columns } from '@vouch/proto/wire/body.ts'
import { compareClocks } from '../ingest/clock.ts'
import type { ClockLimits } from '../ingest/clock.ts'
import { classOf } from '../ingest/streams.ts'
import { undeclaredFault } from '../ingest/undeclared.ts'
import { validateReadings } from '../ingest/validate.ts'
import type { ReadingLimits } from '../ingest/validate.ts'
import type { Hex } from '../ports.ts'
import { join, segmentsOf } from './agree.ts'
import type { Segment } from './agree.ts'
import { streamKeys } from './stream-key.ts'

/** Bounds that a batch is checked against again. */
export interface RecheckLimits extends BodyLimits, ReadingLimits, ClockLimits {}

/** What is known about the agent by now. */
export interface AgentFacts {
  /** Archived public keys by key id. */
  readonly keys: ReadonlyMap<Hex, Uint8Array>
  /** Meters of the streams declared. */
  readonly streams: ReadonlyMap<string, string>
}

/** What is known about the batch's place by now. */
export interface PlaceFacts {
  /** Digest of the batch that stands in this place; undefined = none. */
  readonly taken: Hex | undefined
  /** Digest of the batch in the place before, in the same run. */
  readonly before: Hex | undefined
  /** Digest of a batch that names the same one before it. */
  readonly successor: Hex | undefined
}

/** A batch whose readings may be taken, as far as it alone can tell. */
export interface Rechecked {
  readonly opened: OpenedBatch
  readonly columns: Columns
  /** Class of the meter of each stream. */
  readonly classes: readonly string[]
  readonly segments: readonly Segment[]
}

/** Checks the signed bytes again. Faults: KEY_UNKNOWN, SIGNATURE_INVALID, BATCH_MALFORMED, BATCH_DIGEST_MISMATCH. */
export function reopen(signed: SignedBatch, { keys }: AgentFacts): Result<OpenedBatch> {
  const key = keys.get(signed.keyId.toHex())
  if (key === undefined) return fail('KEY_UNKNOWN', 'the key that signed this batch is not archived')
  return openBatch(signed, key)
}

/**
 * Judges the place again. A batch that is only missing its predecessor may be taken, the hole before it stays
 * listed; where histories contradict each other, nobody guesses. Faults: SEQUENCE_GAP, SEQUENCE_FORK, CHAIN_BROKEN.
 */
export function replace(
  { header, digest }: OpenedBatch,
  code: string,
  { taken, before, successor }: PlaceFacts,
): Result<void> {
  const own = digest.toHex()
  const previous = header.previousDigest.toHex()
  if (taken === undefined) {
    const why = `batch ${header.sequence} is not archived as part of the chain`
    return fail('SEQUENCE_GAP', `${why}; it was not acknowledged, so its agent sends it again`)
  }
  if (taken !== own) return forked()
  // Anything else was only found in a batch whose place was right.
  if (!isChainFault(code)) return ok(undefined)
  if (previous !== '' && successor !== undefined && successor !== own) return forked()
  if (previous === '' || (before !== undefined && before !== previous)) {
    const why = `batch ${header.sequence} contradicts the chain of this agent`
    return fail(
      'CHAIN_BROKEN',
      `${why}; look for a restored snapshot, enrol the agent again, and discard this`,
    )
  }
  return ok(undefined)
}

/** Whether a batch was set aside for its place in the chain. */
export function isChainFault(code: string): boolean {
  return code === 'SEQUENCE_GAP' || code === 'CHAIN_BROKEN'
}

/** The answer to every fork. */
export function forked(): Failure {
  const what = 'two batches claim one place, and nobody can tell which copy of the agent told the truth'
  return fail(
    'SEQUENCE_FORK',
    `${what}; it cannot be redriven: stop the copy, enrol it again, and discard this`,
  )
}

/**
 * Decodes and checks readings as at ingest, with the limits of now. The future is seen from now, since the
 * collector's own clock may have been the wrong one; age is counted to the arrival, as waiting here is not the agent's.
 * Faults: as of decodeBody and validateReadings, CLOCK_OFFSET, READING_DECREASING.
 */
export function recheck(
  opened: OpenedBatch,
  { streams }: AgentFacts,
  times: { readonly nowMs: number; readonly receivedMs: number },
  limits: RecheckLimits,
): Result<Rechecked> {
  const { nowMs, receivedMs } = times
  const decoded = decodeBody(opened.body, limits)
  if (!decoded.ok) return decoded
  const columns = decoded.value
  const clock = compareClocks(Number(opened.header.clock!.wallMs), nowMs, limits)
  if (clock.judgement === 'ahead') {
    return fail('CLOCK_OFFSET', `the batch was sealed ${-clock.offsetMs} ms ahead of the clock here`)
  }
  const keys = streamKeys(columns)
  const undeclared = keys.findIndex((key) => !streams.has(key))
  if (undeclared >= 0) return { ok: false, fault: undeclaredFault(columns, undeclared) }
  const classes = keys.map((key) => classOf(streams.get(key)!))
  const ageMaxMs = limits.ageMaxMs + Math.max(0, nowMs - receivedMs)
  const valid = validateReadings(columns, nowMs, { ...limits, ageMaxMs })
  if (!valid.ok) return valid
  const segments = segmentsOf(columns, keys)
  const contradiction = join(new Map(), segments)
  if (contradiction !== undefined) return decreasing(contradiction)
  return ok({ opened, columns, classes, segments })
}

/** A segment that contradicts what is stored, or what comes with it. */
export function decreasing({ streamId, epoch }: Segment): Failure {
  const where = `stream ${streamId.toHex()}, epoch ${epoch}`
  return fail('READING_DECREASING', `${where}: these readings contradict others of the same epoch`)
}
