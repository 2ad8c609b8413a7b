import type { Proof } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { FaultError, type Result, ok } from '@vouch/proto/kernel/fault.ts'
import { proofSealValid } from '@vouch/proto/seal/proof.ts'
import { checkBatches, checkKeys } from './batches.ts'
import { type ChainSummary, checkChain } from './chain.ts'
import { checkInvoice } from './invoice.ts'
import { checkLines } from './lines.ts'
import { mismatch, present } from './mismatch.ts'
import { readProof } from './proof-file.ts'
import { checkStreams, decodeBatches } from './readings.ts'
import { checkStatements } from './statements.ts'

/** Whom the reader of a proof trusts; public keys in lower-case hexadecimal. */
export interface Trust {
  /** The agents' keys; without them the proof's own are taken, and reported. */
  readonly keys?: ReadonlySet<string> | undefined
  /** The issuer's key; without it the proof's own is taken, and reported. */
  readonly issuer?: string | undefined
  /** The collector's keys, for a trail; without them the trail's own are taken, and reported. */
  readonly collectors?: ReadonlySet<string> | undefined
}

/** A proof in which everything fits. */
export interface Verified {
  readonly proof: Proof
  readonly chain: readonly ChainSummary[]
}

/**
 * Checks a proof offline, from the signatures up to the total. The first item that does not fit is
 * named by its path. Faults: PROOF_MALFORMED, PROOF_MISMATCH.
 */
export function verifyProof(text: string, trust: Trust = {}): Result<Verified> {
  try {
    const proof = readProof(text)
    checkKeys(proof.keys, trust.keys)
    const batches = checkBatches(proof.batches, proof.keys)
    const chain = checkChain(batches)
    const archive = decodeBatches(batches)
    checkStreams(proof.streams, archive)
    const invoice = present('invoice', proof.invoice)
    const { publicKey } = present('seal', proof.seal)
    const tariffs = checkStatements(invoice, proof.tariffs, archive, publicKey)
    checkLines(invoice, tariffs)
    checkInvoice(invoice)
    checkAllUsed(proof, new Map([...batches].map(([digest, { path }]) => [digest, path])), archive)
    checkSeal(proof, trust.issuer)
    return ok({ proof, chain })
  } catch (error) {
    if (error instanceof FaultError) return { ok: false, fault: error.fault }
    throw error
  }
}

/** Nothing is in a proof without a purpose: each batch with a body holds a reading that is used, each stream too. */
function checkAllUsed(
  proof: Proof,
  paths: ReadonlyMap<string, string>,
  archive: ReadonlyMap<string, unknown>,
): void {
  const snapshots = proof.invoice!.statements.map(({ snapshot }) => snapshot!)
  const usages = snapshots.flatMap(({ measurements, estimates }) => [
    ...measurements.flatMap(({ streams }) => streams),
    ...estimates.flatMap(({ reference }) => reference ?? []),
  ])
  const boundaries = usages.flatMap(({ epochs }) =>
    epochs.flatMap(({ opening, closing, cuts }) => [opening!, closing!, ...cuts]),
  )
  const readings = boundaries.flatMap(({ before, after }) =>
    after === undefined ? [before!] : [before!, after],
  )
  const ranked = snapshots.flatMap(({ slotBatches }) => slotBatches)
  const used = new Set([...readings.map(({ batchDigest }) => batchDigest), ...ranked].map(toHex))
  for (const digest of archive.keys())
    if (!used.has(digest)) mismatch(paths.get(digest)!, 'holds no reading that is used')
  const defined = new Set(proof.streams.map(({ streamId }) => toHex(streamId)))
  for (const { streamId, epochs } of usages) {
    if (epochs.length > 0 && !defined.has(toHex(streamId)))
      mismatch('streams', `define no stream ${toHex(streamId)}`)
  }
}

function checkSeal(proof: Proof, issuer: string | undefined): void {
  const seal = present('seal', proof.seal)
  if (issuer !== undefined && toHex(seal.publicKey) !== issuer) {
    mismatch('seal.publicKey', `${toHex(seal.publicKey)} is not the issuer's key`)
  }
  if (!proofSealValid(proof))
    mismatch('seal.signature', 'the issuer has not signed this text: something in it was changed')
}
