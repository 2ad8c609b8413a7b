import { TAGS, sha256 } from './seal.ts'
import type { RegisterKind } from '../gen/vouch/ingest/v1/batch_pb.ts'

/** What a stream's id commits to. */
export interface StreamIdentity {
  /** Resource path. */
  readonly resource: string
  /** Meter name. */
  readonly meter: string
  /** Unit of the register. */
  readonly unit: string
  /** How the register comes about. */
  readonly kind: RegisterKind
}

const STREAM_ID_BYTES = 16
const TAG = new TextEncoder().encode(`${TAGS.stream}\0`)
const LENGTH_BYTES = 2
const KIND_BYTES = 1

/**
 * A stream's id: the first 16 bytes of SHA-256 over the tag, the agent's id, and each field behind
 * its length. Agent, collector and verifier compute it alike, so a batch that names the id has
 * signed the fields.
 */
export function streamId(
  agentId: Uint8Array,
  { resource, meter, unit, kind }: StreamIdentity,
): Uint8Array<ArrayBuffer> {
  const fields = [resource, meter, unit].map((text) => ({ text, length: Buffer.byteLength(text) }))
  const length = fields.reduce((sum, field) => sum + LENGTH_BYTES + field.length, KIND_BYTES)
  const bytes = Buffer.allocUnsafe(TAG.length + agentId.length + length)
  bytes.set(TAG)
  bytes.set(agentId, TAG.length)
  let at = TAG.length + agentId.length
  for (const field of fields) {
    if (field.length > 0xff_ff) throw new Error('a field of a stream is longer than 65,535 bytes')
    at = bytes.writeUInt16BE(field.length, at)
    at += bytes.write(field.text, at)
  }
  bytes.writeUInt8(kind, at)
  return sha256(bytes).slice(0, STREAM_ID_BYTES)
}
