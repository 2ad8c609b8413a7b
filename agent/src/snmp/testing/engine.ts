import { createCipheriv, createHmac } from 'node:crypto'
import { TAG } from '../ber.ts'
import { FLAG, PDU, decodeUserMessage, encodeScopedPdu, encodeUserMessage } from '../message.ts'
import type { Pdu } from '../message.ts'
import { AUTH, localisedKey } from '../usm.ts'
import type { User } from '../usm.ts'

/** What an engine says about itself, and how; every part may be a lie. */
export interface Saying {
  readonly engineId: Uint8Array
  readonly contextEngineId?: Uint8Array
  readonly boots: number
  readonly time: number
  readonly id: number
  readonly user: User
  readonly flags: number
  readonly pdu: Pdu
}

/** A report of the given usmStats counter. */
export function reportOf(requestId: number, stat: number): Pdu {
  const oid = [1, 3, 6, 1, 6, 3, 15, 1, 1, stat, 0]
  const varbinds = [{ oid, tag: TAG.COUNTER32, value: 1n }]
  return { type: PDU.REPORT, requestId, errorStatus: 0, errorIndex: 0, varbinds }
}

/** The message of an engine with the user's keys, as a device would send it. */
export function sayingOf({ boots, engineId, flags, id, pdu, time, user, ...more }: Saying): Buffer {
  const scoped = encodeScopedPdu(more.contextEngineId ?? engineId, pdu)
  const isPrivate = (flags & FLAG.PRIVACY) !== 0
  const salt = isPrivate ? Buffer.from('saltsalt') : new Uint8Array()
  const key = localisedKey(user.auth, user.privacyPassphrase, engineId).subarray(0, 16)
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(boots, 0)
  iv.writeUInt32BE(time, 4)
  iv.set(salt, 8)
  const cipher = createCipheriv('aes-128-cfb', key, iv)
  const data = isPrivate ? Buffer.concat([cipher.update(scoped), cipher.final()]) : scoped
  const { hash, octets } = AUTH[user.auth]
  const isAuthentic = (flags & FLAG.AUTH) !== 0
  const digest = new Uint8Array(isAuthentic ? octets : 0)
  const name = Buffer.from(user.name)
  const bytes = encodeUserMessage({ id, flags, engineId, boots, time, user: name, digest, salt, data })
  if (isAuthentic) {
    const authKey = localisedKey(user.auth, user.authPassphrase, engineId)
    const proof = createHmac(hash, authKey).update(bytes).digest().subarray(0, octets)
    bytes.set(proof, decodeUserMessage(bytes)!.digestOffset)
  }
  return bytes
}
