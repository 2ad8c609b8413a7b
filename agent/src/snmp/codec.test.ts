import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { BerReader, TAG, compareOids, parseOid } from './ber.ts'
import { BerWriter } from './ber-writer.ts'
import {
  PDU,
  decodeCommunityMessage,
  decodeScopedPdu,
  decodeUserMessage,
  encodeCommunityMessage,
  encodeScopedPdu,
  encodeUserMessage,
  peekId,
} from './message.ts'
import type { VarBind } from './message.ts'
import { communitySecurity } from './security.ts'
import { Rig } from './testing/rig.ts'
import { userSecurity } from './usm.ts'

const arc = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const oid = fc
  .tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 39 }), fc.array(arc, { maxLength: 20 }))
  .map(([first, second, rest]) => [first, second, ...rest])
const numbered = (tag: number, max: bigint) =>
  fc.record({ oid, tag: fc.constant(tag), value: fc.bigInt({ min: 0n, max }) })
const varbind: fc.Arbitrary<VarBind> = fc.oneof(
  numbered(TAG.COUNTER32, 2n ** 32n - 1n),
  numbered(TAG.TIME_TICKS, 2n ** 32n - 1n),
  numbered(TAG.COUNTER64, 2n ** 64n - 1n),
  fc.record({
    oid,
    tag: fc.constant(TAG.INTEGER),
    value: fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n }),
  }),
  fc.record({ oid, tag: fc.constant(TAG.OCTET_STRING), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ oid, tag: fc.constant(TAG.OID), value: oid }),
  fc.record({ oid, tag: fc.constant(TAG.NO_SUCH_INSTANCE), value: fc.constant(null) }),
)
const pdu = fc.record({
  type: fc.constantFrom(PDU.GET, PDU.RESPONSE, PDU.GET_BULK, PDU.REPORT),
  requestId: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  errorStatus: fc.integer({ min: 0, max: 18 }),
  errorIndex: fc.nat(100),
  varbinds: fc.array(varbind, { maxLength: 20 }),
})
const message = fc.record({ community: fc.uint8Array({ maxLength: 40 }), pdu })
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]))
}

describe('the codec', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encodeCommunityMessage(sent)
        expect(plain(decodeCommunityMessage(bytes))).toEqual(plain(sent))
        expect(peekId(bytes)).toBe(sent.pdu.requestId)
        const scoped = encodeScopedPdu(sent.community, sent.pdu)
        expect(plain(decodeScopedPdu(scoped)?.pdu)).toEqual(plain(sent.pdu))
      }),
    )
  })

  it('knows the octets of known numbers and identifiers', () => {
    const hex = (write: (to: BerWriter) => void): string => BerWriter.written(write).toString('hex')
    expect(hex((to) => to.integer(2n ** 64n - 1n, TAG.COUNTER64))).toBe('460900ffffffffffffffff')
    for (const [value, octets] of [
      [-129, 'ff7f'],
      [-128, '80'],
      [-1, 'ff'],
      [0, '00'],
      [127, '7f'],
      [128, '0080'],
      [2 ** 31 - 1, '7fffffff'],
      [-(2 ** 31), '80000000'],
      [256, '0100'],
    ] as const) {
      expect(hex((to) => to.integer(value)).slice(4)).toBe(octets)
      expect(hex((to) => to.integer(BigInt(value))).slice(4)).toBe(octets)
    }
    expect(hex((to) => to.oid([1, 3, 6, 1, 4, 1, 2680, 1]))).toBe('06082b06010401947801')
    // A length of 128 octets and more is written in octets of its own, and a large message finds its room.
    expect(hex((to) => to.octets(new Uint8Array(127))).slice(0, 4)).toBe('047f')
    expect(hex((to) => to.octets(new Uint8Array(128))).slice(0, 6)).toBe('048180')
    const large = hex((to) => {
      to.octets(new Uint8Array(20_000).fill(1))
      to.wrap(TAG.SEQUENCE)
    })
    expect(large).toMatch(/^30824e2404824e20(01){20000}$/)
    // Agents are known to leave out the zero before a number whose first bit is set.
    expect(new BerReader(Buffer.from('4104ffffffff', 'hex')).unsigned(TAG.COUNTER32, 32)).toBe(2n ** 32n - 1n)
    expect([parseOid('1.3.6.1'), parseOid('1.40'), parseOid('1.3.'), parseOid('1.3.4294967296')]).toEqual([
      [1, 3, 6, 1],
      undefined,
      undefined,
      undefined,
    ])
    expect(compareOids([1, 3, 6], [1, 3, 6, 1])).toBeLessThan(0)
  })

  const decoders = [decodeCommunityMessage, decodeUserMessage, decodeScopedPdu, peekId]
  const user = {
    name: 'u',
    auth: 'sha256',
    authPassphrase: 'authauth',
    privacyPassphrase: 'privpriv',
  } as const

  it('throws at no bytes, random or mutated', () => {
    const security = userSecurity(user)
    const hear = (bytes: Uint8Array): void => {
      for (const decode of decoders) expect(() => decode(bytes)).not.toThrow()
      expect(communitySecurity(bytes.subarray(0, 6)).open(bytes, 1, 0).kind).toMatch(/^(pdu|ignored)$/)
      expect(security.open(bytes, 1, 0).kind).not.toBe('pdu')
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), hear), { numRuns: 2000 })
    const engineId = new Uint8Array(12).fill(7)
    const mutated = fc.tuple(
      message,
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
    )
    const mutate = ([sent, isV3, changes]: [
      typeof message extends fc.Arbitrary<infer M> ? M : never,
      boolean,
      [number, number][],
    ]): void => {
      const data = encodeScopedPdu(engineId, sent.pdu)
      const nothing = new Uint8Array()
      const header = { id: 1, flags: 0, engineId, boots: 1, time: 1, user: nothing, digest: nothing }
      const bytes = isV3
        ? encodeUserMessage({ ...header, salt: nothing, data })
        : encodeCommunityMessage(sent)
      for (const [at, octet] of changes) bytes[at % bytes.length] = octet
      hear(bytes)
      hear(bytes.subarray(0, (changes[0]?.[0] ?? 0) % bytes.length))
    }
    fc.assert(fc.property(mutated, mutate), { numRuns: 2000 })
  }, 60_000)
})

describe('a session', () => {
  const rigs: Rig[] = []
  afterEach(() => Promise.all(rigs.splice(0).map((rig) => rig.close())))
  const rigOf = (): Rig => {
    const rig = new Rig()
    rigs.push(rig)
    rig.responder.rows.set(1, { name: 'a', counters: [1n, 2n, 3n, 4n] })
    return rig
  }

  it('hears only answers to the question, under its id', async () => {
    const rig = rigOf()
    await rig.poll()
    for (const change of [{ requestId: 1 }, { type: PDU.GET }]) {
      rig.responder.script = (_, answer) => ({ ...answer, ...change })
      expect(await rig.pass(60_000).poll()).toBeUndefined()
    }
    expect(rig.sockets.strays.datagrams).toBe(1)
    const community = Buffer.from('private')
    const answer = { type: PDU.RESPONSE, requestId: 5, errorStatus: 0, errorIndex: 0, varbinds: [] }
    const bytes = encodeCommunityMessage({ community, pdu: answer })
    expect(communitySecurity(Buffer.from('public')).open(bytes, 5, 0)).toEqual({ kind: 'ignored' })
  })

  it('does not hear the right answer from another port', async () => {
    const [rig, other] = [rigOf(), rigOf()]
    await rig.poll()
    await other.poll()
    rig.responder.script = (_, answer) => {
      const bytes = encodeCommunityMessage({ community: Buffer.from('public'), pdu: answer })
      other.responder.send(bytes, rig.responder.lastPort)
      return undefined
    }
    const before = rig.sockets.strays.datagrams
    expect(await rig.pass(60_000).poll()).toBeUndefined()
    expect(rig.sockets.strays.datagrams).toBe(before + 1)
    expect(rig.device.faults).toMatchObject([{ code: 'DEVICE_UNREACHABLE' }])
  })
})
