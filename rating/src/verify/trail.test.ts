import { clone } from '@bufbuild/protobuf'
import { type Trail, TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { sealDay } from '@vouch/proto/seal/day.ts'
import { sealTrail, trailText } from '@vouch/proto/seal/trail.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runVerify } from '../verify-cli.ts'
import { COLLECTOR, DAY_START_MS, OTHER_COLLECTOR, buildTrail } from '../testing/test-trail.ts'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyTrail } from './trail.ts'

const trail = buildTrail()
const text = trailText(trail)

function faultOf(
  changed: string,
  trust = {},
): { code: string; message: string; pointer?: string } | undefined {
  const result = verifyTrail(changed, trust)
  return result.ok ? undefined : result.fault
}

/** The path that is named after a change that is sealed again with the collector's own key. */
function namedAfter(change: (copy: Trail) => void): string | undefined {
  const copy = clone(TrailSchema, trail)
  change(copy)
  return faultOf(trailText(sealTrail(copy, COLLECTOR)))?.pointer
}

test('a character changed, removed or doubled anywhere is found, and an item is named', () => {
  const printable = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code))
  const replacement = fc.oneof(printable, fc.constantFrom('0', '1', '9', 'A', '\n', ''))
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), replacement, fc.boolean(), (at, character, keep) => {
      const changed = text.slice(0, at) + character + text.slice(keep ? at : at + 1)
      fc.pre(changed !== text)
      const fault = faultOf(changed)
      expect(fault?.code).toMatch(/^PROOF_(?:MISMATCH|MALFORMED)$/)
      expect(fault?.pointer).toBeTruthy()
    }),
    { numRuns: 600 },
  )
})

describe('sealed again by the collector itself, it still does not say what devices have not signed', () => {
  test.each<[string, (copy: Trail) => void, string]>([
    ['register of a reading', (t) => void (t.readings[1]!.register += 1n), 'readings[1].register'],
    ['time of a reading', (t) => void (t.readings[1]!.timeMs += 1n), 'readings[1].timeMs'],
    ['span of a reading', (t) => void (t.readings[1]!.spanMs += 1), 'readings[1].spanMs'],
    ['epoch of a reading', (t) => void (t.readings[1]!.epoch += 1n), 'readings[1].epoch'],
    ['row of a reading', (t) => void (t.readings[1]!.row += 1), 'readings[1].timeMs'],
    ['row of another stream', (t) => void (t.readings[1]!.row += 2), 'readings[1].row'],
    ['row beyond the body', (t) => void (t.readings[1]!.row = 4), 'readings[1].row'],
    ['batch of a reading', (t) => void (t.readings[1]!.sequence += 1n), 'readings[1].timeMs'],
    ['batch that is not there', (t) => void (t.readings[1]!.sequence = 9n), 'readings[1].sequence'],
    ['reading left out', (t) => void t.readings.splice(2, 1), 'readings'],
    ['reading twice', (t) => void t.readings.splice(2, 0, t.readings[2]!), 'readings[3]'],
    ['readings exchanged', (t) => void (t.readings = t.readings.toReversed()), 'readings[1]'],
    ['period made longer', (t) => void (t.fromMs -= 60_000n), 'readings'],
    ['period made shorter', (t) => void (t.fromMs += 1n), 'readings[0].timeMs'],
    ['period reversed', (t) => void (t.toMs = t.fromMs), 'toMs'],
    ['resource of the stream', (t) => void (t.streams[0]!.resource = 'host:b'), 'streams[0]'],
    ['meter of the stream', (t) => void (t.streams[0]!.meter = 'host.cpu.idle'), 'streams[0]'],
    ['unit of the stream', (t) => void (t.streams[0]!.unit = 's'), 'streams[0]'],
    ['attribute of the stream', (t) => void (t.streams[0]!.attributes['x'] = 'y'), 'streams[0].attributes'],
    ['header of a batch', (t) => void (t.batches[1]!.header[5]! ^= 1), 'batches[1].signature'],
    ['body of a batch', (t) => void (t.batches[1]!.body[9]! ^= 1), 'batches[1].body'],
    ['body left out', (t) => void (t.batches[1]!.body = new Uint8Array()), 'batches[1].body'],
    ['signature of a batch', (t) => void (t.batches[1]!.signature[9]! ^= 1), 'batches[1].signature'],
    ['batch left out', (t) => void t.batches.splice(1, 1), 'readings[1].sequence'],
    ['batch twice', (t) => void t.batches.push(t.batches[0]!), 'batches[4]'],
    ['key of the agent', (t) => void (t.keys[0]!.publicKey[3]! ^= 1), 'keys[0].keyId'],
    ['receipt', (t) => void (t.receipts[0]!.receipt[40]! ^= 1), 'receipts[0].signature'],
    ['signature of a receipt', (t) => void (t.receipts[0]!.signature[0]! ^= 1), 'receipts[0].signature'],
    ['receipt twice', (t) => void t.receipts.push(t.receipts[0]!), 'receipts[1]'],
    ['key of a receipt', (t) => void (t.receipts[0]!.keyId = OTHER_COLLECTOR.keyId), 'receipts[0].keyId'],
    ['place of a leaf', (t) => void (t.inclusions[0]!.leafIndex ^= 1n), 'inclusions[0].path'],
    ['path of a leaf', (t) => void (t.inclusions[0]!.path[0]![0]! ^= 1), 'inclusions[0].path'],
    ['leaf of no batch', (t) => void (t.inclusions[0]!.batchDigest = sha256()), 'inclusions[0].batchDigest'],
    ['batch said to be under the root', forgeInclusion, 'inclusions[3].path'],
    ['day of a leaf', (t) => void (t.inclusions[0]!.day = '2026-11-25'), 'inclusions[0].day'],
    ['root of a day', (t) => void (t.days[0]!.dayRoot[20]! ^= 1), 'days[0]'],
    ['day of no batch', (t) => void t.days.push(emptyDay()), 'days[1]'],
    ['key of the collector', (t) => void (t.collectorKeys[0]!.publicKey[0]! ^= 1), 'collectorKeys[0].keyId'],
    ['idle key', (t) => void t.collectorKeys.push(keyOf(OTHER_COLLECTOR)), 'collectorKeys[1]'],
    ['format', (t) => void (t.format = 'vouch.audit.trail.v2'), 'format'],
  ])('%s', (_, change, path) => {
    expect(namedAfter(change)).toBe(path)
  })
})

function forgeInclusion(copy: Trail): void {
  const batchDigest = sha256(copy.batches[3]!.header)
  copy.inclusions.push({ ...copy.inclusions[0]!, batchDigest })
}

function emptyDay(): Trail['days'][number] {
  const startMs = DAY_START_MS + 9 * 86_400_000
  return sealDay({ startMs, batches: 0, root: sha256(), previousDigest: sha256() }, COLLECTOR)
}

function keyOf({ keyId, publicKey }: typeof COLLECTOR): Trail['collectorKeys'][number] {
  return { $typeName: 'vouch.audit.v1.CollectorKey', keyId, publicKey }
}

test('a seal, a receipt and a root by another key than the trusted collector are refused', () => {
  const resealed = trailText(sealTrail(trail, OTHER_COLLECTOR))
  expect(faultOf(resealed)?.pointer).toBe('seal.publicKey')
  const trust = { collectors: new Set([toHex(OTHER_COLLECTOR.publicKey)]) }
  expect(faultOf(text, trust)?.pointer).toBe('collectorKeys[0].publicKey')
  expect(faultOf(text, { keys: new Set(['00'.repeat(32)]) })?.pointer).toBe('keys[0].publicKey')
})

test('vouch-verify tells a trail from a proof, and prints readings with receipts and roots', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-trail-'))
  const file = join(directory, 'trail.json')
  await writeFile(file, text)
  const run = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
    let [out, err] = ['', '']
    const stdout = { write: (part: string) => (out += part) }
    const stderr = { write: (part: string) => (err += part) }
    return { code: await runVerify([file, ...args], { stdout, stderr }), out, err }
  }
  const table = await run('--collector', toHex(COLLECTOR.publicKey))
  expect([table.code, table.err]).toEqual([0, ''])
  expect(table.out).toMatch(/^2026-11-24T17:00:00Z +7 +10 .* up to 3 +2026-11-24$/m)
  expect(table.out).toMatch(/^2026-11-24T17:05:00Z .* none +not closed$/m)
  expect(table.out).toContain('4 batches; 3 have a receipt, 3 are under the root of their day.')
  expect(table.out).toContain('chain unbroken')
  expect(JSON.parse((await run('--json')).out)).toMatchObject({ verified: true, readings: 7, receipts: 3 })
  expect((await run('--collector', toHex(OTHER_COLLECTOR.publicKey))).code).toBe(1)
  expect((await run('--issuer', toHex(COLLECTOR.publicKey))).code).toBe(2)
  expect((await run('--collector', 'x')).code).toBe(2)
  await rm(directory, { recursive: true })
})
