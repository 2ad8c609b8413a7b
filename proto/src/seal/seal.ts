/**
 * Ed25519 over a domain tag and a digest. One tag for each kind of statement, so that a signature
 * made for one purpose can never be shown as another.
 *
 * Source: RFC 8032 (Ed25519), RFC 8410 (key encodings), FIPS 180-4 (SHA-256).
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash as hashOnce,
  sign,
  verify as verifyRaw,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** The domain tags: what a signature says. */
export const TAGS = {
  batch: 'vouch/batch/v1',
  hello: 'vouch/hello/v1',
  welcome: 'vouch/welcome/v1',
  enrol: 'vouch/enrol/v1',
  enrolmentRequest: 'vouch/enrolment-request/v1',
  enrolmentAnswer: 'vouch/enrolment-answer/v1',
  rotate: 'vouch/rotate/v1',
  decommission: 'vouch/decommission/v1',
  receipt: 'vouch/receipt/v1',
  policy: 'vouch/policy/v1',
  proof: 'vouch/proof/v1',
  day: 'vouch/day/v1',
  trail: 'vouch/trail/v1',
  stream: 'vouch/stream/v1',
  usageCorrection: 'vouch/usage-correction/v1',
} as const

/** A domain tag. */
export type Tag = (typeof TAGS)[keyof typeof TAGS]

/** A key pair: both 32 bytes; the private one is the RFC 8032 seed. */
export interface Keys {
  readonly privateKey: Uint8Array<ArrayBuffer>
  readonly publicKey: Uint8Array<ArrayBuffer>
}

/** Signs statements with one private key. */
export interface Signer {
  /** First 16 bytes of SHA-256 of the public key. */
  readonly keyId: Uint8Array<ArrayBuffer>
  /** 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  /** Signs tag ‖ 0x00 ‖ SHA-256(bytes); 64 bytes. */
  sign(tag: Tag, bytes: Uint8Array): Uint8Array<ArrayBuffer>
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const KEY_ID_BYTES = 16
/** Octets that are copied to be hashed. */
const JOINED_BYTES_MAX = 4_096
/** Twice the agents that a collector takes by default. */
const CACHED_KEYS_MAX = 20_000

/** SHA-256, 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  // At once where it is little: an object for a hash costs more than to put the parts together.
  if (parts.length === 1 || parts.reduce((sum, { length }) => sum + length, 0) <= JOINED_BYTES_MAX)
    return new Uint8Array(hashOnce('sha256', parts.length === 1 ? parts[0]! : Buffer.concat(parts), 'buffer'))
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** Makes a new key pair from the system's randomness. */
export function generateKeys(): Keys {
  const { privateKey } = generateKeyPairSync('ed25519')
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_PREFIX.length)
  return { privateKey: new Uint8Array(seed), publicKey: publicKeyOf(seed) }
}

/** The public key of a 32-byte seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const der = createPublicKey(privateKeyObject(seed)).export({ format: 'der', type: 'spki' })
  return new Uint8Array(der.subarray(SPKI_PREFIX.length))
}

/** Short name of a public key: the first 16 bytes of its SHA-256. */
export function keyId(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(publicKey).slice(0, KEY_ID_BYTES)
}

/** A signer for a 32-byte seed. Throws where the seed is not 32 bytes. */
export function signerOf(seed: Uint8Array): Signer {
  const key = privateKeyObject(seed)
  const publicKey = publicKeyOf(seed)
  return {
    keyId: keyId(publicKey),
    publicKey,
    sign: (tag, bytes) => new Uint8Array(sign(null, statement(tag, sha256(bytes)), key)),
  }
}

/** True where `signature` is `publicKey`'s over this tag and these bytes. Never throws on foreign input. */
export function verify(tag: Tag, bytes: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return verifyDigest(tag, sha256(bytes), signature, publicKey)
}

/** As {@link verify}, where the SHA-256 of the bytes is known already. */
export function verifyDigest(
  tag: Tag,
  digest: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES || publicKey.length !== KEY_BYTES) return false
  try {
    return verifyRaw(null, statement(tag, digest), publicKeyObject(publicKey), signature)
  } catch {
    return false
  }
}

function statement(tag: Tag, digest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${tag}\0`, 'latin1'), digest])
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  if (seed.length !== KEY_BYTES) throw new Error(`an Ed25519 seed has 32 bytes, not ${seed.length}`)
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

const publicKeyObjects = new Map<string, KeyObject>()

/** Parsing a key costs as much as a verification, and a fleet signs with few keys: keep them parsed. */
function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = publicKeyObjects.get(name)
  if (known !== undefined) return known
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  publicKeyObjects.set(name, key)
  const [oldest] = publicKeyObjects.keys()
  if (publicKeyObjects.size > CACHED_KEYS_MAX && oldest !== undefined) publicKeyObjects.delete(oldest)
  return key
}
