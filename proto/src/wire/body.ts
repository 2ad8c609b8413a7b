/** The body of a batch: columns to bytes and back. */
export { STREAM_ID_BYTES } from './columns.ts'
export type { Columns } from './columns.ts'
export { encodeBody } from './encode-body.ts'
export { BODY_LIMITS, decodeBody } from './decode-body.ts'
export type { BodyLimits } from './decode-body.ts'
