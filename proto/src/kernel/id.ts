import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const UUID_BYTES = 16
const UUID_RANDOM_BYTES = 10
const UUID_TIME_MAX_MS = 2 ** 48 - 1

/**
 * A version 7 UUID: ordered by its millisecond, unique by 74 random bits. `random` is ten bytes or more.
 * Throws when the time or the random bytes do not fit. Source: RFC 9562 §5.7.
 */
export function uuidV7(nowMs: number, random: Uint8Array): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs > UUID_TIME_MAX_MS) {
    throw new RangeError('the time of a UUID is 48 bits of milliseconds')
  }
  if (random.length < UUID_RANDOM_BYTES)
    throw new RangeError(`a UUID needs ${UUID_RANDOM_BYTES} random bytes`)
  const bytes = new Uint8Array(UUID_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(nowMs / 2 ** 16))
  view.setUint16(4, nowMs % 2 ** 16)
  bytes.set(random.subarray(0, UUID_RANDOM_BYTES), 6)
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f))
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f))
  return uuidFromBytes(bytes)
}

/** Whether the text is a UUID of any version, in lower case with hyphens. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

/** The 16 bytes of a UUID in lower case. Faults: FIELD_INVALID. */
export function uuidToBytes(text: string): Result<Uint8Array<ArrayBuffer>> {
  if (!isUuid(text)) return fail('FIELD_INVALID', 'write a UUID in lower case with hyphens')
  return ok(Uint8Array.fromHex(text.replaceAll('-', '')))
}

/** The text of a UUID's 16 bytes. Throws on any other length. */
export function uuidFromBytes(bytes: Uint8Array): string {
  if (bytes.length !== UUID_BYTES) throw new RangeError('a UUID has 16 bytes')
  const hex = bytes.toHex()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const RESOURCE_ID = /^[A-Za-z0-9._:@+%-]+(?:\/[A-Za-z0-9._:@+%-]+)*$/
const RESOURCE_ID_CHARACTERS = 200

/**
 * Reads the id of a resource: 1 to 200 characters, segments joined by "/", as in "host:a/disk:vda".
 * Faults: FIELD_INVALID.
 */
export function parseResourceId(text: string): Result<string> {
  if (text.length <= RESOURCE_ID_CHARACTERS && RESOURCE_ID.test(text)) return ok(text)
  return fail(
    'FIELD_INVALID',
    'write a resource as 1 to 200 letters, digits and ._:@+%- in parts joined by "/"',
  )
}

/** Whether the resource is the ancestor or lies below it; "host:a/disk:vda" is below "host:a". */
export function isSameOrDescendant(resource: string, ancestor: string): boolean {
  return resource === ancestor || resource.startsWith(`${ancestor}/`)
}

/** Text as one segment of a resource id: all else is percent-encoded, so "/" becomes "%2F". Throws when empty. */
export function escapeSegment(text: string): string {
  if (text === '') throw new RangeError('a segment cannot be empty')
  let [segment, from] = ['', 0]
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code >= ASCII) return text.replaceAll(/[^A-Za-z0-9._:@+-]+/g, percentEncode)
    if (IS_PLAIN[code] === true) continue
    segment += text.slice(from, at) + PERCENT[code]!
    from = at + 1
  }
  return from === 0 ? text : segment + text.slice(from)
}

const ENCODER = new TextEncoder()
const ASCII = 128
const IS_PLAIN = Array.from({ length: ASCII }, (_, code) =>
  /[A-Za-z0-9._:@+-]/.test(String.fromCharCode(code)),
)
const PERCENT = Array.from(
  { length: 256 },
  (_, octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`,
)

function percentEncode(text: string): string {
  return Array.from(ENCODER.encode(text), (octet) => PERCENT[octet]!).join('')
}

/** A resource and everything it lies below: "a/b/c" gives "a", "a/b", "a/b/c". */
export function selfAndAncestors(resource: string): string[] {
  const segments = resource.split('/')
  return segments.map((_, i) => segments.slice(0, i + 1).join('/'))
}

/** Whether one of two resources is the other, or lies below it. */
export function isRelated(a: string, b: string): boolean {
  return isSameOrDescendant(a, b) || isSameOrDescendant(b, a)
}
