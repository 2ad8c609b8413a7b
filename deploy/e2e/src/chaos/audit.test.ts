import { create } from '@bufbuild/protobuf'
import { GapKind, StreamUsageSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { describe, expect, test } from 'vitest'
import { auditArchive, auditKills, auditLevel, auditUsage, bracketCounter } from './audit.ts'
import { rowOf } from './signed-history.ts'
import type { ArchivedBatch, Stored } from './signed-history.ts'
import { truthOf } from './truth.ts'
import type { SignedReading } from './truth.ts'

const reading = (epoch: bigint, timeMs: number, register: bigint, spanMs: number): SignedReading => ({
  stream: 'aa',
  epoch,
  timeMs,
  register,
  spanMs,
})

/** Two epochs; the first has a stretch of 100 ms whose place is unknown, between them nothing is measured. */
const READINGS = [
  reading(1n, 1000, 10n, 0),
  reading(1n, 1100, 15n, 100),
  reading(1n, 1300, 21n, 100),
  reading(2n, 1500, 3n, 0),
  reading(2n, 1600, 8n, 100),
]
const truth = truthOf(READINGS, 900, 1700)
const GAPS = [
  { fromMs: 900, toMs: 1000, kind: 'missing' },
  { fromMs: 1100, toMs: 1200, kind: 'spread' },
  { fromMs: 1300, toMs: 1500, kind: 'missing' },
  { fromMs: 1600, toMs: 1700, kind: 'missing' },
]

test('the slow way finds usage and every uncovered millisecond', () => {
  expect(truth).toMatchObject({
    quantity: 16n,
    coveredMs: 300,
    spreadMs: 100,
    missingMs: 400,
    gaps: GAPS,
    falls: 0,
  })
})

describe('usage that is billed', () => {
  const billed = (change: (usage: StreamUsage) => void): string[] => {
    const gaps = GAPS.map(({ fromMs, toMs, kind }) => ({
      fromMs: BigInt(fromMs),
      toMs: BigInt(toMs),
      kind: kind === 'spread' ? GapKind.SPREAD : GapKind.MISSING,
    }))
    const coverage = { coveredMs: 300n, spreadMs: 100n, missingMs: 400n, gaps }
    const usage = create(StreamUsageSchema, { quantity: '16', coverage })
    change(usage)
    return auditUsage('cpu', usage, truth)
  }
  test.each([
    ['as signed', () => {}, []],
    [
      'with a unit more',
      (usage: StreamUsage) => void (usage.quantity = '17'),
      [/billed 17, last − first is 16/],
    ],
    [
      'with a millisecond less of gap',
      (usage: StreamUsage) => void (usage.coverage!.gaps[0]!.toMs -= 1n),
      [/gaps listed/],
    ],
    ['without a gap', (usage: StreamUsage) => void usage.coverage!.gaps.pop(), [/gaps listed/]],
    [
      'with a gap of another kind',
      (usage: StreamUsage) => void (usage.coverage!.gaps[1]!.kind = GapKind.MISSING),
      [/gaps/],
    ],
    [
      'with a silent zero',
      (usage: StreamUsage) => void (usage.coverage!.coveredMs = 700n),
      [/covered, spread, missing/],
    ],
  ])('%s', (_, change, problems) => {
    expect(billed(change)).toEqual(problems.map((problem) => expect.stringMatching(problem) as unknown))
  })

  test('from a register that falls', () => {
    const fallen = truthOf([...READINGS, reading(1n, 1400, 20n, 100)], 900, 1700)
    expect(auditUsage('cpu', create(StreamUsageSchema, {}), fallen)[0]).toMatch(/fell 1 times/)
  })
})

test.each([
  ['in a gap', 1350, []],
  ['before the first reading', 950, []],
  ['where readings claim to cover', 1050, ['cpu: no gap holds the kill at 1050']],
])('a kill %s', (_, endedMs, problems) => {
  const wide = truthOf(
    READINGS.map((each) => ({ ...each, timeMs: each.timeMs * 10, spanMs: each.spanMs * 10 })),
    9000,
    17_000,
  )
  const kill = { endedMs: endedMs * 10, restartedMs: endedMs * 10 }
  expect(auditKills('cpu', wide, [kill])).toEqual(
    problems.map((text) => text.replace(/\d+$/, `${kill.endedMs}`)),
  )
})

describe('the kernel', () => {
  const looks = [0n, 10n, 15n, 21n, 30n].map((value, index) => {
    const atMs = [800, 940, 1045, 3200, 4000][index] ?? 0
    return { beforeMs: atMs, afterMs: atMs, counters: new Map([['cpu', value]]) }
  })
  const one = (first: bigint, last: bigint) =>
    truthOf([reading(1n, 1000, first, 0), reading(1n, 1100, last, 0)], 900, 1700)
  test.each([
    ['agrees', one(10n, 15n), 0],
    ['never showed the first reading', one(9n, 15n), 1],
    ['never showed the last reading', one(10n, 22n), 2],
  ])('%s', (_, own, problems) => {
    expect(bracketCounter('cpu', own, looks)?.problems).toHaveLength(problems)
  })
  test('has no such counter', () => {
    expect(bracketCounter('memory', one(10n, 15n), looks)).toBeUndefined()
  })
  test.each([
    [200n, 0],
    [199n, 1],
    [202n, 1],
  ])('two cores for 100 ms offer %s ms', (last, problems) => {
    const levels = { cores: 2n, memoryOctets: 0n }
    expect(auditLevel('host.cpu.allocated ', one(0n, last), levels)).toHaveLength(problems)
  })
})

describe('an archive', () => {
  const batch = (digest: string, previous: string, own: readonly SignedReading[]): ArchivedBatch => ({
    runId: 'r',
    sequence: 1n,
    digest,
    previous,
    final: false,
    readings: own,
  })
  const batches = [batch('b', 'a', READINGS.slice(2)), batch('a', '', READINGS.slice(0, 2))]
  const sound: Stored = {
    batches,
    rows: READINGS.map(rowOf).toSorted(),
    streams: [],
    quarantined: [],
    losses: 0,
  }
  const spool = { sealed: 2, waiting: 0, lastDigest: 'b' }
  test.each([
    ['that is whole', sound, spool, []],
    ['that lacks a reading', { ...sound, rows: sound.rows.slice(1) }, spool, [/5 readings signed, 4 stored/]],
    [
      'that has a reading too many',
      { ...sound, rows: [...sound.rows, 'x'] },
      spool,
      [/5 readings signed, 6 stored/],
    ],
    [
      'that lacks a batch with receipt',
      sound,
      { ...spool, sealed: 3 },
      [/sealed 3 batches, the archive has 2/],
    ],
    ['while a batch waits', sound, { ...spool, waiting: 1 }, [/1 batches are without receipt/]],
    ['with a broken chain', sound, { ...spool, lastDigest: 'c' }, [/chain of batches has a break/]],
    ['with a batch set aside', { ...sound, quarantined: ['X: y'] }, spool, [/set aside: X: y/]],
    ['with losses', { ...sound, losses: 1 }, spool, [/1 losses/]],
  ])('%s', (_, stored, end, problems) => {
    expect(auditArchive(stored, end)).toEqual(
      problems.map((problem) => expect.stringMatching(problem) as unknown),
    )
  })
})
