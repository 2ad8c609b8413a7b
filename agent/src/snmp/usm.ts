import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import {
  FLAG,
  PDU,
  decodeScopedPdu,
  decodeUserMessage,
  encodeScopedPdu,
  encodeUserMessage,
} from './message.ts'
import type { Pdu, ReceivedUserMessage, VarBind } from './message.ts'
import { below } from './ber.ts'
import { IGNORED, sameBytes } from './security.ts'
import type { Opened, Security } from './security.ts'

/** Authentication protocols with the octets of their digests. Source: RFC 7860 §4. */
export const AUTH = {
  sha224: { hash: 'sha224', octets: 16 },
  sha256: { hash: 'sha256', octets: 24 },
  sha384: { hash: 'sha384', octets: 32 },
  sha512: { hash: 'sha512', octets: 48 },
} as const

/** The name of an authentication protocol. */
export type AuthProtocol = keyof typeof AUTH

/** Who asks, and the passphrases that prove and hide it. Privacy is AES-128, the only AES that is standardised. */
export interface User {
  readonly name: string
  readonly auth: AuthProtocol
  readonly authPassphrase: string
  readonly privacyPassphrase: string
}

/** What is known of the engine that answers. */
interface EngineClock {
  readonly boots: number
  /** Its time at `atMs` of the agent's clock, and the highest it has shown. */
  readonly time: number
  readonly atMs: number
}

const NOTHING = new Uint8Array()
const PASSWORD_OCTETS = 2 ** 20
const KEY_OCTETS = 16
const WINDOW_S = 150
const BOOTS_LATCHED = 2 ** 31 - 1
const ENGINE_ID_OCTETS = { min: 5, max: 32 } as const
const USM_STATS = [1, 3, 6, 1, 6, 3, 15, 1, 1]
const STATS = {
  UNSUPPORTED_LEVEL: 1,
  NOT_IN_TIME_WINDOW: 2,
  UNKNOWN_USER: 3,
  UNKNOWN_ENGINE: 4,
  WRONG_DIGEST: 5,
  DECRYPTION_ERROR: 6,
} as const
const REFUSALS: Readonly<Record<number, string>> = {
  [STATS.UNSUPPORTED_LEVEL]: 'it does not offer authentication with privacy to this user',
  [STATS.UNKNOWN_USER]: 'it does not know the user',
  [STATS.WRONG_DIGEST]: 'the authentication passphrase or protocol is wrong',
  [STATS.DECRYPTION_ERROR]: 'the privacy passphrase or protocol is wrong',
}

/** A user's key at one engine. Source: RFC 3414 §A.2, with the hash of RFC 7860. */
export function localisedKey(auth: AuthProtocol, passphrase: string, engineId: Uint8Array): Uint8Array {
  const { hash } = AUTH[auth]
  const key = passphraseKey(hash, passphrase)
  return createHash(hash).update(key).update(engineId).update(key).digest()
}

/** A megabyte is hashed for each passphrase, so what came of it is kept: all devices may share one. */
const passphraseKeys = new Map<string, Uint8Array>()

function passphraseKey(hash: string, passphrase: string): Uint8Array {
  const name = createHash('sha256').update(`${hash} ${passphrase}`).digest('hex')
  const known = passphraseKeys.get(name)
  if (known !== undefined) return known
  const key = createHash(hash)
    .update(Buffer.alloc(PASSWORD_OCTETS, passphrase, 'utf8'))
    .digest()
  passphraseKeys.set(name, key)
  return key
}

/** SNMPv3 with the User-based Security Model, always authenticated and private. Source: RFC 3414, RFC 3826. */
export function userSecurity(user: User): Security {
  return new UserSecurity(user)
}

class UserSecurity implements Security {
  readonly #user: User
  readonly #name: Uint8Array
  #engineId: Uint8Array = NOTHING
  #authKey: Uint8Array = NOTHING
  #privacyKey: Uint8Array = NOTHING
  #clock: EngineClock | undefined

  constructor(user: User) {
    this.#user = user
    this.#name = new TextEncoder().encode(user.name)
  }

  seal(pdu: Pdu, id: number, nowMs: number): Uint8Array {
    const engineId = this.#engineId
    if (engineId.length === 0) {
      const data = encodeScopedPdu(NOTHING, {
        ...pdu,
        type: PDU.GET,
        errorStatus: 0,
        errorIndex: 0,
        varbinds: [],
      })
      const nobody = { boots: 0, time: 0, user: NOTHING, digest: NOTHING, salt: NOTHING }
      return encodeUserMessage({ id, flags: FLAG.REPORTABLE, engineId, ...nobody, data })
    }
    const boots = this.#clock?.boots ?? 0
    const time = this.#clock === undefined ? 0 : timeAt(this.#clock, nowMs)
    const salt = randomBytes(8)
    const cipher = createCipheriv('aes-128-cfb', this.#privacyKey, ivOf(boots, time, salt))
    const data = Buffer.concat([cipher.update(encodeScopedPdu(engineId, pdu)), cipher.final()])
    const digest = new Uint8Array(AUTH[this.#user.auth].octets)
    const flags = FLAG.AUTH | FLAG.PRIVACY | FLAG.REPORTABLE
    const bytes = encodeUserMessage({
      id,
      flags,
      engineId,
      boots,
      time,
      user: this.#name,
      digest,
      salt,
      data,
    })
    const { digestOffset } = decodeUserMessage(bytes)!
    bytes.set(this.#digestOf(bytes), digestOffset)
    return bytes
  }

  open(bytes: Uint8Array, id: number, nowMs: number, asked?: readonly VarBind[]): Opened {
    const message = decodeUserMessage(bytes)
    if (message === undefined || message.id !== id) return IGNORED
    if ((message.flags & FLAG.AUTH) === 0) return this.#openUnproven(message)
    if (!sameBytes(message.engineId, this.#engineId) || !sameBytes(message.user, this.#name)) return IGNORED
    if (!this.#isAuthentic(message, bytes)) return IGNORED
    const isSynchronised = this.#clock !== undefined
    if (!this.#isOfNow(message, nowMs)) return IGNORED
    const scoped = decodeScopedPdu(this.#decrypt(message), asked)
    if (scoped === undefined || !sameBytes(scoped.engineId, this.#engineId)) return IGNORED
    const { pdu } = scoped
    if (pdu.type === PDU.REPORT) return this.#report(pdu, true)
    // A response must be as private as what was asked, and from an engine whose time is known.
    if ((message.flags & FLAG.PRIVACY) === 0 || !isSynchronised) return IGNORED
    return { kind: 'pdu', pdu, engine: { id: message.engineId.toHex(), boots: message.boots } }
  }

  /** What is not authentic can tell who answers, and never what; whether it does must be proved by what follows. */
  #openUnproven(message: ReceivedUserMessage): Opened {
    const scoped = (message.flags & FLAG.PRIVACY) === 0 ? decodeScopedPdu(message.data) : undefined
    if (scoped?.pdu.type !== PDU.REPORT) return IGNORED
    const stat = statOf(scoped.pdu)
    if (stat !== STATS.UNKNOWN_ENGINE) return this.#report(scoped.pdu, false)
    const { engineId } = message
    const isEngine = engineId.length >= ENGINE_ID_OCTETS.min && engineId.length <= ENGINE_ID_OCTETS.max
    if (!isEngine || sameBytes(engineId, this.#engineId)) return IGNORED
    const { auth, authPassphrase, privacyPassphrase } = this.#user
    this.#engineId = Uint8Array.from(engineId)
    this.#authKey = localisedKey(auth, authPassphrase, engineId)
    this.#privacyKey = localisedKey(auth, privacyPassphrase, engineId).subarray(0, KEY_OCTETS)
    this.#clock = undefined
    return { kind: 'again' }
  }

  #report(pdu: Pdu, isAuthentic: boolean): Opened {
    const stat = statOf(pdu)
    if (stat === STATS.NOT_IN_TIME_WINDOW) return isAuthentic ? { kind: 'again' } : IGNORED
    const reason = stat === undefined ? undefined : REFUSALS[stat]
    return reason === undefined ? IGNORED : { kind: 'refused', reason }
  }

  #isAuthentic(message: ReceivedUserMessage, bytes: Uint8Array): boolean {
    const { octets } = AUTH[this.#user.auth]
    if (message.digest.length !== octets) return false
    const blank = Uint8Array.from(bytes)
    blank.fill(0, message.digestOffset, message.digestOffset + octets)
    return sameBytes(message.digest, this.#digestOf(blank))
  }

  /** Source: RFC 3414 §3.2 7b. */
  #isOfNow({ boots, time }: ReceivedUserMessage, nowMs: number): boolean {
    const clock = this.#clock
    if (boots < 0 || time < 0 || boots === BOOTS_LATCHED) return false
    if (clock === undefined || boots > clock.boots || (boots === clock.boots && time > clock.time)) {
      this.#clock = { boots, time, atMs: nowMs }
      return true
    }
    return boots === clock.boots && time >= timeAt(clock, nowMs) - WINDOW_S
  }

  #decrypt({ boots, data, flags, salt, time }: ReceivedUserMessage): Uint8Array {
    if ((flags & FLAG.PRIVACY) === 0) return data
    if (salt.length !== 8) return NOTHING
    const decipher = createDecipheriv('aes-128-cfb', this.#privacyKey, ivOf(boots, time, salt))
    return Buffer.concat([decipher.update(data), decipher.final()])
  }

  #digestOf(bytes: Uint8Array): Uint8Array {
    const { hash, octets } = AUTH[this.#user.auth]
    return createHmac(hash, this.#authKey).update(bytes).digest().subarray(0, octets)
  }
}

function timeAt({ atMs, time }: EngineClock, nowMs: number): number {
  return time + Math.floor((nowMs - atMs) / 1000)
}

function ivOf(boots: number, time: number, salt: Uint8Array): Uint8Array {
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(boots, 0)
  iv.writeUInt32BE(time, 4)
  iv.set(salt, 8)
  return iv
}

function statOf({ varbinds: [first] }: Pdu): number | undefined {
  return first === undefined ? undefined : below(first.oid, USM_STATS)?.[0]
}
