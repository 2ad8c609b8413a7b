import { constants } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import { STATUS } from './status.ts'
import type { Status } from './status.ts'

/** Why a request gets no handler: no gRPC at all, or gRPC that is not spoken here. */
export type Refusal =
  | { readonly http: number; readonly status?: undefined }
  | { readonly http?: undefined; readonly status: Status }

const CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/
const TIMEOUT = /^(?<amount>\d{1,8})(?<unit>[HMSmun])$/
const UNIT_MS = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
/** The longest that a timer takes. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/**
 * Judges the headers of a request; undefined where a handler may see it. Agents do not compress: a small message
 * that expands to the largest one would cost memory before any check. Source: gRPC over HTTP/2, "Requests".
 */
export function judgeRequest(headers: IncomingHttpHeaders): Refusal | undefined {
  if (headers[constants.HTTP2_HEADER_METHOD] !== 'POST') return { http: 405 }
  if (!CONTENT_TYPE.test(String(headers[constants.HTTP2_HEADER_CONTENT_TYPE]))) return { http: 415 }
  const encoding = headers['grpc-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    const details = 'compressed messages are not taken; send messages as they are'
    return { status: { code: STATUS.unimplemented, details } }
  }
  const timeout = headers['grpc-timeout']
  if (timeout !== undefined && timeoutMs(headers) === undefined)
    return { status: { code: STATUS.internal, details: 'grpc-timeout is not a time' } }
  return undefined
}

/** The time that the caller gives, milliseconds; undefined where it gives none, or no time. */
export function timeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const { amount, unit } = TIMEOUT.exec(String(headers['grpc-timeout'] ?? ''))?.groups ?? {}
  if (amount === undefined || unit === undefined) return undefined
  return Math.min(TIMEOUT_MAX_MS, Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS])
}
