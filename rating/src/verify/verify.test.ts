import { clone, create } from '@bufbuild/protobuf'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { BilledLineSchema, type Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { ISSUER, OTHER_ISSUER, buildProof } from '../testing/test-proof.ts'
import { placeOf } from './json-place.ts'
import { textReport } from './report.ts'
import { verifyProof } from './verify.ts'

let proof: Proof
let text: string

beforeAll(async () => {
  const hosts = [measuredHost('a'), measuredHost('b')]
  proof = await buildProof(['host:a', 'host:b'], BILLED, createMemoryStore(hosts))
  text = proofText(proof)
})

/** The fault of a text; undefined where it verifies. */
function faultOf(
  changed: string,
  trust = {},
): { code: string; message: string; pointer?: string } | undefined {
  const result = verifyProof(changed, trust)
  return result.ok ? undefined : result.fault
}

/** The path that is named after a change by somebody who writes and seals a new proof. */
function namedAfter(change: (copy: Proof) => void): string | undefined {
  const copy = clone(ProofSchema, proof)
  change(copy)
  return faultOf(proofText(sealProof(copy, OTHER_ISSUER)))?.pointer
}

/** The part of a proof that a change must be named in: everything but what the seal alone protects. */
function itemAt(position: number): string {
  const path = placeOf(text, position).replace(/^line \d+(?:, )?/, '')
  return (
    /^(?:(?:batches|keys)\[\d+\]|invoice\.lines\[\d+\]\.charge|invoice\.statements\[0\]\.snapshot\.measurements\[\d+\]\.streams|invoice\.total)/.exec(
      path,
    )?.[0] ?? ''
  )
}

test('a character changed anywhere is found, and the item it stands in is named', () => {
  const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
  const replacement = fc.oneof(printable, fc.constantFrom('0', '1', '9', 'A', '\n'))
  let exact = 0
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), replacement, (at, character) => {
      fc.pre(text[at] !== character)
      const fault = faultOf(text.slice(0, at) + character + text.slice(at + 1))
      expect(fault?.code).toMatch(/^PROOF_(?:MISMATCH|MALFORMED)$/)
      expect(fault?.pointer).toBeTruthy()
      // Where a bracket or comma is lost or won, the text may break as JSON far behind.
      const structural = '{}[],'.includes(text[at]!) || '{}[],'.includes(character)
      const broken = structural && fault?.message.endsWith('is not JSON') === true
      if (!broken) expect(fault?.message).toContain(itemAt(at))
      if (itemAt(at) !== '' && fault?.message.includes(itemAt(at))) exact += 1
    }),
    { numRuns: 1000 },
  )
  expect(exact).toBeGreaterThan(500)
})

test('a character removed or doubled anywhere is found', () => {
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.boolean(), (at, doubled) => {
      expect(
        faultOf(text.slice(0, at) + (doubled ? text[at]! + text[at]! : '') + text.slice(at + 1)),
      ).toBeDefined()
    }),
    { numRuns: 200 },
  )
})

/** Adds a statement of a day that is billed in advance. */
function inAdvance(copy: Proof, fromMs: number): Snapshot {
  const statement = clone(ProofSchema, copy).invoice!.statements[0]!
  const snapshot = statement.snapshot!
  const day = { fromMs: BigInt(fromMs), toMs: BigInt(fromMs + 86_400_000) }
  const place = { period: { ...snapshot.period!, ...day }, inForce: { ...snapshot.inForce!, ...day } }
  Object.assign(snapshot, { ...place, advance: true, measurements: [], slotBatches: [] })
  copy.invoice!.statements.push(statement)
  return snapshot
}

describe('a new proof under another seal still names what does not follow from the signed readings', () => {
  const charge = (copy: Proof) => copy.invoice!.lines[0]!.charge!
  const snapshot = (copy: Proof) => copy.invoice!.statements[0]!.snapshot!
  const before = (copy: Proof) => {
    const { fromMs } = snapshot(copy).inForce!
    return { fromMs: fromMs - 1n, toMs: fromMs }
  }
  const stream = (copy: Proof) => snapshot(copy).measurements[0]!.streams[0]!
  const epoch = (copy: Proof) => stream(copy).epochs[0]!
  const rule = (copy: Proof) => copy.tariffs[0]!.rules[0]!
  const at = 'invoice.lines[0].charge'
  const [own, next] = [0, 1].map((i) => `invoice.statements[${i}].snapshot`)
  const usage = `${own}.measurements[0].streams[0]`
  const first = `${usage}.epochs[0]`
  test.each<[string, (copy: Proof) => void, string]>([
    [
      'register of a reading',
      (p) => void (epoch(p).opening!.before!.register += 1n),
      `${first}.opening.before.register`,
    ],
    [
      'time of a reading',
      (p) => void (epoch(p).opening!.before!.timeMs += 1n),
      `${first}.opening.before.timeMs`,
    ],
    [
      'time that a stream is said to estimate',
      (p) => void (stream(p).coverage!.estimatedMs = 1n),
      `${usage}.coverage.estimatedMs`,
    ],
    ['row of a reading', (p) => void (epoch(p).closing!.before!.row += 1), `${first}.closing.before.row`],
    [
      'row out of the batch',
      (p) => void (epoch(p).opening!.before!.row = 99_999),
      `${first}.opening.before.row`,
    ],
    [
      'digest of a batch',
      (p) => void (epoch(p).opening!.before!.batchDigest = new Uint8Array(32)),
      `${first}.opening.before.batchDigest`,
    ],
    ['register at a boundary', (p) => void (epoch(p).closing!.register += 1n), `${first}.closing.register`],
    ['instant of a boundary', (p) => void (epoch(p).opening!.atMs += 1n), `${first}.opening.atMs`],
    ['quantity of an epoch', (p) => void (epoch(p).quantity += 1n), `${first}.quantity`],
    ['name of an epoch', (p) => void (epoch(p).epoch += 1n), `${first}.opening.before.row`],
    ['epoch left out', (p) => void stream(p).epochs.pop(), `${usage}.quantity`],
    ['quantity of a stream', (p) => void (stream(p).quantity = '1'), `${usage}.quantity`],
    ['resource of a stream', (p) => void (stream(p).resource = 'host:b'), `${usage}.streamId`],
    ['agent of a stream', (p) => void (stream(p).agentId = new Uint8Array(16)), `${usage}.streamId`],
    ['coverage', (p) => void (stream(p).coverage!.coveredMs += 1n), `${usage}.coverage.coveredMs`],
    ['gap removed', (p) => void stream(p).coverage!.gaps.pop(), `${usage}.coverage.gaps[1]`],
    [
      'gap made shorter',
      (p) => void (stream(p).coverage!.gaps[0]!.toMs -= 1n),
      `${usage}.coverage.coveredMs`,
    ],
    ['share', (p) => void (snapshot(p).measurements[0]!.share = '0.5'), `${at}.quantity`],
    [
      'a cut too many',
      (p) => void snapshot(p).measurements[0]!.cutsMs.push(BigInt(BILLED.from + 1)),
      `${first}.cuts`,
    ],
    ['measurement left out', (p) => void snapshot(p).measurements.pop(), 'invoice.lines[3]'],
    [
      'measurement twice',
      (p) => void snapshot(p).measurements.push(snapshot(p).measurements[0]!),
      `${own}.measurements[4]`,
    ],
    [
      'measurement of nothing',
      (p) => void (snapshot(p).measurements[0]!.streams = []),
      `${own}.measurements[0].streams`,
    ],
    ['stretch', (p) => void (snapshot(p).inForce!.toMs -= 1n), `${own}.measurements[0].period`],
    ['period of a statement', (p) => void (snapshot(p).period!.toMs += 1n), `${own}.period.toMs`],
    ['zone of a statement', (p) => void (snapshot(p).timeZone = 'UTC'), `${own}.timeZone`],
    [
      'statement twice',
      (p) => void p.invoice!.statements.push(p.invoice!.statements[0]!),
      'invoice.statements[1].snapshot.inForce',
    ],
    [
      'statement twice, called a correction',
      (p) => {
        const again = clone(ProofSchema, p).invoice!.statements[0]!
        again.snapshot!.corrects = 'INV-000001'
        p.invoice!.statements.push(again)
      },
      'invoice.statements[1].snapshot.inForce',
    ],
    [
      'lines of earlier documents that no rule counts',
      (p) => void snapshot(p).windowBilled.push(create(BilledLineSchema, { period: before(p) })),
      `${own}.windowBilled`,
    ],
    [
      'lines of earlier documents that are not earlier',
      (p) => void snapshot(p).windowBilled.push(create(BilledLineSchema, { period: snapshot(p).period! })),
      `${own}.windowBilled[0].period`,
    ],
    [
      'measured statement, called one in advance',
      (p) => void (snapshot(p).advance = true),
      `${own}.measurements`,
    ],
    ['statement in advance, now', (p) => void inAdvance(p, BILLED.from), `${next}.inForce`],
    ['statement in advance, later', (p) => void inAdvance(p, BILLED.to + 1), `${next}.period.fromMs`],
    [
      'return of what is not billed yet',
      (p) => void (inAdvance(p, BILLED.to).corrects = 'INV-000000'),
      `${next}.period`,
    ],
    ['statement of a line', (p) => void (p.invoice!.lines[0]!.statement = 1), 'invoice.lines[0].statement'],
    [
      'batches for slots that there are not',
      (p) => void snapshot(p).slotBatches.push(epoch(p).opening!.before!.batchDigest),
      `${own}.slotBatches`,
    ],
    ['quantity', (p) => void (charge(p).quantity = '1'), `${at}.quantity`],
    ['unit', (p) => void (charge(p).unit = 'core-second'), `${at}.unit`],
    ['unit price', (p) => void (charge(p).unitPrice = '0.055'), `${at}.unitPrice`],
    ['amount', (p) => void (charge(p).amount = '9.99'), `${at}.amount`],
    ['step of the trace', (p) => void (charge(p).trace[2]!.output = '7'), `${at}.trace[2].output`],
    ['line id', (p) => void (charge(p).lineId = 'x'), `${at}.lineId`],
    ['resource of a line', (p) => void (charge(p).resource = 'host:c'), `${at}.resource`],
    ['rule of a line', (p) => void (charge(p).ruleId = 'x'), `${at}.ruleId`],
    ['coverage of a line', (p) => void (charge(p).coverage!.missingMs = 0n), `${at}.coverage.missingMs`],
    ['line left out', (p) => void p.invoice!.lines.pop(), 'invoice.lines[3]'],
    ['line billed twice', (p) => void p.invoice!.lines.push(p.invoice!.lines[0]!), 'invoice.lines[4]'],
    ['text of a line', (p) => void (charge(p).description = 'Gold'), `${at}.description`],
    ['name of an item', (p) => void (p.tariffs[0]!.items[0]!.name = 'Gold'), `${at}.description`],
    ['line number', (p) => void (p.invoice!.lines[0]!.lineNumber = 7), 'invoice.lines[0].lineNumber'],
    ['total', (p) => void (p.invoice!.total = '0.01'), 'invoice.total'],
    [
      'currency of the invoice',
      (p) => void (p.invoice!.currency = 'USD'),
      'invoice.lines[0].charge.currency',
    ],
    [
      'price in the tariff',
      (p) => void (rule(p)['price'] = { model: 'per-unit', unitPrice: '0.05' }),
      `${at}.unitPrice`,
    ],
    [
      'malformed price in the tariff',
      (p) => void (rule(p)['price'] = { model: 'per-unit', unitPrice: '5e-2' }),
      'tariffs[0].rules[0].price.unitPrice',
    ],
    ['rounding in the tariff', (p) => void (p.tariffs[0]!.amountRounding = 'up'), `${at}.amount`],
    ['public key', (p) => void (p.keys[0]!.publicKey[3]! ^= 1), 'keys[0].keyId'],
    ['key id', (p) => void (p.keys[0]!.keyId[3]! ^= 1), 'keys[0].keyId'],
    ['signature', (p) => void (p.batches[1]!.signature[5]! ^= 1), 'batches[1].signature'],
    ['header', (p) => void (p.batches[1]!.header[5]! ^= 1), 'batches[1].signature'],
    ['body', (p) => void (p.batches[0]!.body[9]! ^= 1), 'batches[0].body'],
    ['meter of a stream definition', (p) => void (p.streams[0]!.meter = 'host.cpu.steal'), 'streams[0]'],
    ['batch repeated', (p) => void p.batches.push(p.batches[0]!), 'batches[26]'],
    [
      'tariff that prices nothing',
      (p) => void p.tariffs.push({ ...p.tariffs[0]!, version: 2 }),
      'tariffs[1]',
    ],
    ['seal', (p) => void (p.format = 'vouch.proof.v1'), 'format'],
  ])('%s', (_, change, path) => {
    expect(namedAfter(change)).toBe(path)
  })

  test('a seal that is not by the expected issuer', () => {
    const resealed = proofText(sealProof(proof, OTHER_ISSUER))
    expect(faultOf(resealed)).toBeUndefined()
    expect(faultOf(resealed, { issuer: toHex(ISSUER.publicKey) })?.pointer).toBe('seal.publicKey')
  })

  test('a change that only the seal can show', () => {
    expect(faultOf(text.replace('Buyer & Söhne', 'Buyer & Tochter'))?.pointer).toBe('seal.signature')
  })
})

test('every link that is taken out of the chain is missed', () => {
  for (const [i, batch] of proof.batches.entries()) {
    if (batch.body.length > 0) continue
    expect(namedAfter((copy) => void copy.batches.splice(i, 1))).toMatch(/^batches\[\d+\]$/)
  }
})

test('a key that is not trusted is named', () => {
  expect(faultOf(text, { keys: new Set([toHex(proof.keys[0]!.publicKey)]) })?.pointer).toBe(
    'keys[1].publicKey',
  )
})

test('the proof verifies, and its report shows readings, amounts and gaps', () => {
  const result = verifyProof(text, { issuer: toHex(ISSUER.publicKey) })
  expect(result.ok).toBe(true)
  if (!result.ok) return
  expect(result.value.chain.map(({ stretches }) => stretches)).toEqual([1, 1])
  const report = textReport(result.value, {})
  expect(report).toMatch(/^ +1 {2}cpu +host:a +321078 +1546335 +0\.488678 {2}core-hour +0\.045 +0\.02$/m)
  expect(report).toMatch(/total {2}0\.34 EUR$/m)
  expect(report).toContain('8 gaps over all streams')
})
