import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import { FAULTS } from '../../kernel/fault.ts'
import type { Fault } from '../../kernel/fault.ts'
import { FAULT_KEY, faultBytes, faultOfBytes } from '../fault-metadata.ts'

/** The codes that the transport gives by itself. Source: gRPC, "Status codes and their use". */
export const STATUS = {
  ok: 0,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const

/** How a call ends. */
export interface Status {
  /** gRPC status code. */
  readonly code: number
  /** For people. */
  readonly details: string
  /** What lies behind it, where it is one of the closed list. */
  readonly fault?: Fault
}

/** In order. */
export const OK: Status = { code: STATUS.ok, details: '' }

/** The status that tells of a fault. */
export function statusOf(fault: Fault): Status {
  return { code: FAULTS[fault.code].grpc, details: fault.message, fault }
}

/** A status as HTTP/2 trailers, or as headers where nothing else was sent. Source: gRPC over HTTP/2, "Responses". */
export function trailersOf({ code, details, fault }: Status): OutgoingHttpHeaders {
  return {
    'grpc-status': String(code),
    ...(details === '' ? {} : { 'grpc-message': percentEncode(details) }),
    ...(fault === undefined ? {} : { [FAULT_KEY]: faultBytes(fault).toString('base64') }),
  }
}

/** The status that trailers tell, or headers where nothing else came; undefined where they tell none. */
export function statusIn(headers: IncomingHttpHeaders): Status | undefined {
  const code = /^\d{1,3}$/.exec(String(headers['grpc-status'] ?? ''))?.[0]
  if (code === undefined) return undefined
  const carried = headers[FAULT_KEY]
  const fault = carried === undefined ? undefined : faultOfBytes(Buffer.from(String(carried), 'base64'))
  const details = percentDecode(String(headers['grpc-message'] ?? ''))
  return { code: Number.parseInt(code, 10), details, ...(fault === undefined ? {} : { fault }) }
}

/** The fault that a status tells of, or stands for; undefined for an end in order. */
export function faultOfStatus({ code, details, fault }: Status): Fault | undefined {
  if (code === STATUS.ok || fault !== undefined) return fault
  const isDown = code === STATUS.unavailable || code === STATUS.deadlineExceeded
  return { code: isDown ? 'UNAVAILABLE' : 'INTERNAL', message: details === '' ? `status ${code}` : details }
}

/** Printable ASCII but the percent sign as it is, every other octet of the UTF-8 form as %XX. */
export function percentEncode(text: string): string {
  return text.replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, (run) =>
    [...Buffer.from(run, 'utf8')]
      .map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}

/** What {@link percentEncode} was given; the text itself where it is none of its kind. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
