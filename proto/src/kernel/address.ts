import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** A host and a port. */
export interface Address {
  /** Name, IPv4 or IPv6 address; without brackets. */
  readonly host: string
  /** 0–65535; 0 asks for a free one. */
  readonly port: number
}

const FORM = /^(?:\[(?<v6>[0-9A-Fa-f:]+)\]|(?<host>[A-Za-z0-9._-]{1,253})):(?<port>\d{1,5})$/
const PORT_MAX = 65_535

/** Splits `host:port`; an IPv6 address stands in brackets. Fault: CONFIG_INVALID. */
export function parseAddress(text: string): Result<Address> {
  const { v6, host = v6, port = '' } = FORM.exec(text)?.groups ?? {}
  if (host !== undefined && Number.parseInt(port, 10) <= PORT_MAX)
    return ok({ host, port: Number.parseInt(port, 10) })
  return fail('CONFIG_INVALID', 'must be host:port, as in localhost:7410 or [::1]:7410')
}

/** A setting that is `host:port`, kept as it was written. */
export function address(text: string): Result<string> {
  const parsed = parseAddress(text)
  return parsed.ok ? ok(text) : parsed
}

/** The same host with another port. Throws where `of` is not an address. */
export function withPort(of: string, port: number): string {
  const colon = of.lastIndexOf(':')
  if (colon < 0) throw new TypeError(`${of} is not host:port`)
  return `${of.slice(0, colon)}:${port}`
}

/** True for localhost, 127.0.0.0/8 and ::1, with a port: what never leaves the machine. */
export function isLoopback(of: string): boolean {
  const parsed = parseAddress(of)
  return parsed.ok && /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(parsed.value.host)
}
