import { timingSafeEqual } from 'node:crypto'
import { decodeCommunityMessage, encodeCommunityMessage } from './message.ts'
import type { Pdu, VarBind } from './message.ts'

/** Which life of which engine answered; only v3 tells. */
export interface Engine {
  /** Engine id in hexadecimal. */
  readonly id: string
  readonly boots: number
}

/** What a received message is to the one who asked. */
export type Opened =
  | { readonly kind: 'pdu'; readonly pdu: Pdu; readonly engine?: Engine }
  /** Something about the engine was learnt: ask again at once. */
  | { readonly kind: 'again' }
  /** The engine says, without proof, why it does not answer. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Not an answer, or not from whom it should be. */
  | { readonly kind: 'ignored' }

/** How messages to one device are wrapped, and how its own are checked. */
export interface Security {
  /** The bytes that ask for the PDU, or that ask first for what must be known about the engine. */
  seal(pdu: Pdu, id: number, monotonicMs: number): Uint8Array
  open(bytes: Uint8Array, id: number, monotonicMs: number, asked?: readonly VarBind[]): Opened
}

/** Not an answer. */
export const IGNORED: Opened = { kind: 'ignored' }

/** SNMPv2c: the community in clear text, which must come back. */
export function communitySecurity(community: Uint8Array): Security {
  return {
    seal: (pdu) => encodeCommunityMessage({ community, pdu }),
    open: (bytes, _id, _monotonicMs, asked) => {
      const message = decodeCommunityMessage(bytes, asked)
      return message !== undefined && sameBytes(message.community, community)
        ? { kind: 'pdu', pdu: message.pdu }
        : IGNORED
    },
  }
}

/** Compares in a time that does not tell where two texts differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
