import type { Fault } from '../kernel/fault.ts'

/** Key of the trailing metadata that carries a fault; its suffix says that its value is octets, base64 on the wire. */
export const FAULT_KEY = 'vouch-fault-bin'

/** A fault as the octets of that value: JSON. */
export function faultBytes(fault: Fault): Buffer {
  return Buffer.from(JSON.stringify(fault))
}
