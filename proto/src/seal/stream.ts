import { concat } from '../kernel/bytes.ts'
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

/**
 * A stream's id: the first 16 bytes of SHA-256 over the tag, the agent's id, and each field behind
 * its length. Agent, collector and verifier compute it alike, so a batch that names the id has
 * signed the fields.
 */
export function streamId(agentId: Uint8Array, stream: StreamIdentity): Uint8Array<ArrayBuffer> {
  const utf8 = new TextEncoder()
  const field = (text: string): Uint8Array => {
    const bytes = utf8.encode(text)
    if (bytes.length > 0xff_ff) throw new Error('a field of a stream is longer than 65,535 bytes')
    return concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes])
  }
  const tag = utf8.encode(`${TAGS.stream}\0`)
  const fields = [field(stream.resource), field(stream.meter), field(stream.unit), Uint8Array.of(stream.kind)]
  return sha256(tag, agentId, ...fields).slice(0, STREAM_ID_BYTES)
}
