import type { OutgoingHttpHeaders } from 'node:http2'
import { FAULTS } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { FAULT_KEY, faultBytes } from '@vouch/proto/wire/fault-metadata.ts'

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

/** Printable ASCII but the percent sign as it is, every other octet of the UTF-8 form as %XX. */
export function percentEncode(text: string): string {
  return text.replaceAll(/[^\x20-\x24\x26-\x7e]+/gu, (run) =>
    [...Buffer.from(run, 'utf8')]
      .map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}
