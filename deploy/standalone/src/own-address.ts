import { parseAddress } from '@vouch/proto/kernel/address.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** Every address of the machine, or its loopback: what listens there answers to `localhost`. */
const LOCAL = /^(?:0\.0\.0\.0|::|localhost|127\.0\.0\.1|::1)$/

/** The host by which this machine reaches what listens at an address, `host:port`. Throws where it is none. */
export function ownHost(listen: string): string {
  const { host } = unwrap(parseAddress(listen))
  return LOCAL.test(host) ? 'localhost' : host
}

/** The same with its port, in brackets where IPv6 needs them. */
export function ownAddress(listen: string): string {
  const host = ownHost(listen)
  const { port } = unwrap(parseAddress(listen))
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
