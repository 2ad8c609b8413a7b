import { fail, ok } from './fault.ts'
import type { Result } from './fault.ts'

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex()
}

/** Reads lower-case hexadecimal; one text per value. Faults: FIELD_INVALID. */
export function fromHex(text: string): Result<Uint8Array<ArrayBuffer>> {
  // Capitals would give every value many texts, and a changed text must never pass for the same value.
  if (text.length % 2 === 0 && /^[0-9a-f]*$/.test(text)) return ok(Uint8Array.fromHex(text))
  return fail('FIELD_INVALID', 'write bytes as lower-case hexadecimal, two digits each')
}

/** Base64 of RFC 4648 §4 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64()
}

/** Reads base64 with exact padding, zero trailing bits, no white space. Faults: FIELD_INVALID. */
export function fromBase64(text: string): Result<Uint8Array<ArrayBuffer>> {
  // The platform's strict mode still skips white space, hence the pattern.
  const bytes = /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? decodeBase64(text) : undefined
  if (bytes !== undefined) return ok(bytes)
  return fail('FIELD_INVALID', 'write bytes as base64 with padding')
}

/** All parts, one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Same length and same bytes. Not constant-time: do not compare secrets with it. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Order of unsigned bytes; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const [left = 0, right = 0] = [a[index], b[index]]
    if (left !== right) return left < right ? -1 : 1
  }
  if (a.length === b.length) return 0
  return a.length < b.length ? -1 : 1
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
