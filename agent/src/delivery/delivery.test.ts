import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiptSchema, SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { PolicySchema, SignedPolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { backoffMs } from '@vouch/proto/kernel/backoff.ts'
import { checkPolicy, samplingAt } from './policy.ts'
import { checkReceipt } from './receipt.ts'

const collector = signerOf(generateKeys().privateKey)
const agentId = new Uint8Array(16).fill(1)
const runId = new Uint8Array(16).fill(2)
const digest = new Uint8Array(32).fill(3)

describe('the pause before an attempt', () => {
  it('is spread over everything from none to the doubled base, up to the cap', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        fc.nat(10_000),
        random,
        fc.nat(1000),
        fc.nat(60_000),
        (attempt, fraction, baseMs, capMs) => {
          const bounds = { baseMs, capMs }
          const pause = backoffMs(attempt, fraction, bounds)
          expect(Number.isSafeInteger(pause)).toBe(true)
          expect(pause).toBeGreaterThanOrEqual(0)
          expect(pause).toBeLessThanOrEqual(Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)))
          expect(backoffMs(attempt, 0, bounds)).toBe(0)
          expect(backoffMs(attempt, 1 - Number.EPSILON, bounds)).toBe(
            Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)),
          )
        },
      ),
    )
  })
})

describe('a receipt', () => {
  const expected = {
    collectorPublicKey: collector.publicKey,
    agentId,
    runId,
    digest: (sequence: bigint) => (sequence === 5n ? digest : undefined),
  }
  const signed = (over: object = {}, signer = collector) => {
    const receipt = toBinary(
      ReceiptSchema,
      create(ReceiptSchema, { agentId, runId, sequence: 5n, digest, ...over }),
    )
    return create(SignedReceiptSchema, { receipt, signature: signer.sign(TAGS.receipt, receipt) })
  }

  it('counts only unchanged', () => {
    const whole = signed()
    fc.assert(
      fc.property(fc.nat(whole.receipt.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const receipt = whole.receipt.map((byte, index) => (index === at ? byte ^ mask : byte))
        const changed = create(SignedReceiptSchema, { ...whole, receipt })
        expect(checkReceipt(changed, expected)).toMatchObject({ fault: { code: 'SIGNATURE_INVALID' } })
      }),
    )
  })

  it.each([
    ['SIGNATURE_INVALID', signed({}, signerOf(generateKeys().privateKey))],
    ['BATCH_DIGEST_MISMATCH', signed({ digest: new Uint8Array(32) })],
    ['BATCH_DIGEST_MISMATCH', signed({ runId: agentId })],
    ['BATCH_DIGEST_MISMATCH', signed({ agentId: runId })],
  ])('is refused with %s', (code, receipt) => {
    expect(checkReceipt(receipt, expected)).toMatchObject({ fault: { code } })
  })

  it('for a batch that left before means nothing, for one in the spool everything', () => {
    expect(checkReceipt(signed({ sequence: 4n }), expected)).toEqual({ ok: true, value: undefined })
    expect(checkReceipt(signed(), expected)).toMatchObject({ value: { sequence: 5n } })
  })
})

describe('a sampling policy', () => {
  const newest = create(PolicySchema, {
    version: 2n,
    expiresMs: 1500n,
    cadenceMs: 1000,
    batchIntervalMs: 5000,
  })
  const signed = (over: object = {}, signer = collector) => {
    const fields = { version: 3n, expiresMs: 2000n, cadenceMs: 1000, batchIntervalMs: 5000, ...over }
    const policy = toBinary(PolicySchema, create(PolicySchema, fields))
    return create(SignedPolicySchema, { policy, signature: signer.sign(TAGS.policy, policy) })
  }

  it.each([
    ['of somebody else', 'SIGNATURE_INVALID', signed({}, signerOf(generateKeys().privateKey))],
    ['of the version taken last', 'OUT_OF_RANGE', signed({ version: 2n, expiresMs: 1500n })],
    ['of that version with other content', 'OUT_OF_RANGE', signed({ version: 2n, batchIntervalMs: 600 })],
    ['of an older version', 'OUT_OF_RANGE', signed({ version: 1n })],
    ['past its time', 'OUT_OF_RANGE', signed({ expiresMs: 1000n })],
    ['without a cadence', 'OUT_OF_RANGE', signed({ cadenceMs: 0 })],
    ['with an endless interval', 'OUT_OF_RANGE', signed({ batchIntervalMs: 4_000_000 })],
  ])('%s is refused', (_, code, policy) => {
    expect(checkPolicy(policy, collector.publicKey, newest, 1000)).toMatchObject({ fault: { code } })
  })

  it('that is newer is taken, and one that is the same for longer', () => {
    const taken = { value: { cadenceMs: 1000, expiresMs: 2000n } }
    expect(checkPolicy(signed(), collector.publicKey, undefined, 1000)).toMatchObject(taken)
    expect(checkPolicy(signed(), collector.publicKey, newest, 1000)).toMatchObject(taken)
    expect(checkPolicy(signed({ version: 2n }), collector.publicKey, newest, 1000)).toMatchObject(taken)
  })
})

describe('what is in force', () => {
  const local = fc.record({
    cadenceMs: fc.integer({ min: 100, max: 3_600_000 }),
    batchIntervalMs: fc.integer({ min: 100, max: 3_600_000 }),
    cadenceMinMs: fc.integer({ min: 100, max: 3_600_000 }),
    spoolBytesMax: fc.integer({ min: 65_536, max: 2 ** 40 }),
    spoolAgeMaxMs: fc.integer({ min: 60_000, max: 1e11 }),
  })
  const policy = fc.record({
    version: fc.bigInt({ min: 1n, max: 1000n }),
    expiresMs: fc.bigInt({ min: 0n, max: 2000n }),
    cadenceMs: fc.integer({ min: 100, max: 3_600_000 }),
    batchIntervalMs: fc.integer({ min: 100, max: 3_600_000 }),
    spoolBytesMax: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    spoolAgeMaxMs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  })

  it('never exceeds the local bounds, and is the settings once the policy has expired', () => {
    fc.assert(
      fc.property(local, policy, fc.nat(2000), (settings, fields, nowMs) => {
        const now = samplingAt(create(PolicySchema, fields), settings, nowMs)
        expect(now.spoolBytesMax).toBeLessThanOrEqual(settings.spoolBytesMax)
        expect(now.spoolAgeMaxMs).toBeLessThanOrEqual(settings.spoolAgeMaxMs)
        if (fields.expiresMs <= BigInt(nowMs)) {
          expect(now).toEqual(samplingAt(undefined, settings, nowMs))
          expect(now).toMatchObject({ version: 0n, cadenceMs: settings.cadenceMs })
        } else {
          expect(now.version).toBe(fields.version)
          expect(now.cadenceMs).toBe(Math.max(fields.cadenceMs, settings.cadenceMinMs))
        }
      }),
    )
  })
})
