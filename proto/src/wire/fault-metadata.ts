import { isFaultCode } from '../kernel/fault.ts'
import type { Fault } from '../kernel/fault.ts'

/** Key of the trailing metadata that carries a fault; its suffix says that its value is octets, base64 on the wire. */
export const FAULT_KEY = 'vouch-fault-bin'

/** A fault as the octets of that value: JSON. */
export function faultBytes(fault: Fault): Buffer {
  return Buffer.from(JSON.stringify(fault))
}

/** The fault of such octets; undefined where they are none of the closed list. */
export function faultOfBytes(bytes: Buffer): Fault | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'))
    return isFault(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isFault(value: unknown): value is Fault {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value)) return false
  return typeof value.code === 'string' && isFaultCode(value.code) && typeof value.message === 'string'
}
