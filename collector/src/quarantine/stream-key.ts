import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** A stream id as a map key, one character a byte. */
export function streamKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

/** The keys of all streams of a batch, in its order. */
export function streamKeys({ streamIds }: Columns): string[] {
  const joined = streamKey(streamIds)
  return Array.from({ length: joined.length / STREAM_ID_BYTES }, (_, index) =>
    joined.slice(index * STREAM_ID_BYTES, (index + 1) * STREAM_ID_BYTES),
  )
}
