import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex } from '../kernel/bytes.ts'
import { unwrap } from '../kernel/fault.ts'
import { RegisterKind } from '../gen/vouch/ingest/v1/batch_pb.ts'
import { openBatch, openLink, sealBatch } from './batch.ts'
import { TAGS, generateKeys, keyId, publicKeyOf, signerOf, verify } from './seal.ts'
import type { Tag } from './seal.ts'
import { streamId } from './stream.ts'

const keys = generateKeys()
const signer = signerOf(keys.privateKey)
const tagArbitrary: fc.Arbitrary<Tag> = fc.constantFrom(...Object.values(TAGS))

const init = {
  agentId: new Uint8Array(16).fill(1),
  runId: new Uint8Array(16).fill(2),
  sequence: 1n,
  clock: { wallMs: 1n, monotonicMs: 2n, boottimeMs: 3n, bootId: new Uint8Array(16) },
}

describe('keys', () => {
  it('follow RFC 8032, test 1', () => {
    const seed = unwrap(fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'))
    const publicKey = unwrap(fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'))
    expect(publicKeyOf(seed)).toEqual(publicKey)
  })
  it('are refused where they are not 32 bytes', () => {
    expect(() => signerOf(new Uint8Array(31))).toThrow('32 bytes')
  })
})

describe('law: a signature says one thing', () => {
  it('holds for its tag and bytes, and for nothing else', () => {
    fc.assert(
      fc.property(
        tagArbitrary,
        tagArbitrary,
        fc.uint8Array(),
        fc.uint8Array(),
        (tag, otherTag, bytes, other) => {
          const signature = signer.sign(tag, bytes)
          expect(verify(tag, bytes, signature, keys.publicKey)).toBe(true)
          expect(verify(otherTag, bytes, signature, keys.publicKey)).toBe(tag === otherTag)
          expect(verify(tag, other, signature, keys.publicKey)).toBe(Buffer.compare(bytes, other) === 0)
        },
      ),
    )
  })

  it('fails on every bent signature and key, and never throws', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const signature = signer.sign('vouch/batch/v1', bytes)
    fc.assert(
      fc.property(fc.nat({ max: 63 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bent = signature.with(at, signature[at]! ^ flip)
        expect(verify('vouch/batch/v1', bytes, bent, keys.publicKey)).toBe(false)
        const key = keys.publicKey.with(at % 32, keys.publicKey[at % 32]! ^ flip)
        expect(verify('vouch/batch/v1', bytes, signature, key)).toBe(false)
      }),
    )
    expect(verify('vouch/batch/v1', bytes, new Uint8Array(3), keys.publicKey)).toBe(false)
    expect(verify('vouch/batch/v1', bytes, signature, new Uint8Array(3))).toBe(false)
  })
})

describe('batches', () => {
  const body = new Uint8Array([9, 9])
  it('open with the key that sealed them', () => {
    const { signed, digest } = sealBatch(init, body, signer)
    expect(signed.keyId).toEqual(keyId(keys.publicKey))
    expect(openBatch(signed, keys.publicKey)).toMatchObject({
      ok: true,
      value: { digest, body, header: { sequence: 1n } },
    })
  })
  it('are refused with another key, another body, another header', () => {
    const { signed } = sealBatch(init, body, signer)
    expect(openBatch(signed, generateKeys().publicKey)).toMatchObject({
      fault: { code: 'SIGNATURE_INVALID' },
    })
    expect(openBatch({ ...signed, body: new Uint8Array([9]) }, keys.publicKey)).toMatchObject({
      fault: { code: 'BATCH_DIGEST_MISMATCH' },
    })
    const header = signed.header.with(3, signed.header[3]! ^ 1)
    expect(openBatch({ ...signed, header }, keys.publicKey)).toMatchObject({
      fault: { code: 'SIGNATURE_INVALID' },
    })
  })
  it('may be shown as links, without their bodies', () => {
    const { signed } = sealBatch(init, body, signer)
    expect(openLink({ ...signed, body: new Uint8Array() }, keys.publicKey).ok).toBe(true)
  })
  it.each([
    ['a short agent id', { agentId: new Uint8Array(15) }],
    ['sequence 0', { sequence: 0n }],
    ['no previous digest after the first', { sequence: 2n }],
    ['no clock', { clock: undefined }],
  ])('are malformed with %s', (_, change) => {
    const { signed } = sealBatch({ ...init, ...change }, body, signer)
    expect(openBatch(signed, keys.publicKey)).toMatchObject({ fault: { code: 'BATCH_MALFORMED' } })
  })
})

describe('stream ids', () => {
  const identity = { resource: 'host:a', meter: 'host.cpu.used', unit: 'ms', kind: RegisterKind.COUNTER }
  it('commit to agent, resource, meter, unit and kind', () => {
    const ids = [
      streamId(init.agentId, identity),
      streamId(init.runId, identity),
      streamId(init.agentId, { ...identity, resource: 'host:ah', meter: 'ost.cpu.used' }),
      streamId(init.agentId, { ...identity, unit: 's' }),
      streamId(init.agentId, { ...identity, kind: RegisterKind.INTEGRAL }),
    ].map((id) => Buffer.from(id).toString('hex'))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids[0]).toHaveLength(32)
  })
})
