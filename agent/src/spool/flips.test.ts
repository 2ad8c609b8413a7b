import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { RegisterKind, SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Register } from '../reading/register.ts'
import { pagesOf, statesOf } from '../testing/registers.ts'
import { openSpool } from './spool.ts'
import type { Sealed, Spool } from './spool.ts'

const NOW_MS = 1_800_000_000_000
const LIMITS = { bytesMax: 10_000_000, ageMaxMs: 10_000_000 }
const RUN = new Uint8Array(16).fill(7)
const BATCHES = 12
const FLIPS = 150
const BATCH_OCTETS = 3500

let directory = ''
let file = ''
let pristine = Buffer.alloc(0)
let whole: Contents
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-flips-'))
  file = join(directory, 'spool.sqlite')
  const spool = opened()
  for (let sequence = 1; sequence <= BATCHES; sequence += 1) unwrap(spool.append(sealed(sequence)))
  whole = contentsOf(spool)
  spool.close()
  pristine = readFileSync(file)
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Contents {
  readonly batches: readonly string[]
  readonly states: readonly string[]
  readonly definitions: readonly string[]
  readonly lastDigest: string
}

const opened = (): Spool => unwrap(openSpool(file, LIMITS, NOW_MS))

function sealed(sequence: number): Sealed {
  const id = new Uint8Array(16).fill(sequence % 3)
  const meter = `host.meter${sequence % 3}`
  return {
    runId: RUN,
    sequence: BigInt(sequence),
    sealedMs: NOW_MS - 1_000_000 + sequence * 1000,
    digest: new Uint8Array(32).fill(sequence),
    signed: create(SignedBatchSchema, { body: new Uint8Array(BATCH_OCTETS).fill(sequence), keyId: id }),
    registers: pagesOf({ id, state: stateOf(sequence) }).map((page) => ({ ...page, number: sequence % 3 })),
    declared: [{ id, resource: 'host:a', meter, unit: 's', kind: RegisterKind.COUNTER, attributes: {} }],
    ended: [],
    facts: new Map(),
    final: false,
  }
}

function stateOf(sequence: number): Register {
  return {
    life: 1n,
    epoch: NOW_MS,
    timeMs: NOW_MS + sequence,
    boottimeMs: 1,
    register: 12_345_678n * BigInt(sequence),
    remainder: 9n,
    level: 0n,
    monotonicMs: 0,
    look: 0,
  }
}

function contentsOf(spool: Spool): Contents {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each))
  return {
    batches: spool
      .batches(RUN, 0n, 100)
      .map(({ sequence, digest, signed }) =>
        text([sequence, digest, [...toBinary(SignedBatchSchema, signed)]]),
      ),
    states: statesOf(spool.registerPages()).map((state) => text(state)),
    definitions: spool.definitions(0, 100).map(({ definition }) => text(definition)),
    lastDigest: spool.lastDigest().toHex(),
  }
}

const within = (part: readonly string[], all: readonly string[]): boolean =>
  part.every((each) => all.includes(each))

it(
  `a bit that flips while the agent is stopped changes no value in silence: ${FLIPS} flips`,
  { timeout: 60_000 },
  () => {
    const counts = { whole: 0, admitted: 0, dropped: 0, refused: 0 }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: pristine.length * 8 - 1 }), (bit) => {
        for (const name of readdirSync(directory)) rmSync(join(directory, name))
        const flipped = Buffer.from(pristine)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        writeFileSync(file, flipped)
        const spool = openSpool(file, LIMITS, NOW_MS)
        if (!spool.ok) {
          // The number of the version itself: an agent of that version is asked for, nothing is touched.
          expect(spool.fault.code).toBe('DATA_DIRECTORY_NEWER')
          counts.refused += 1
          return
        }
        const found = contentsOf(spool.value)
        const losses = spool.value.losses.length
        const usable = spool.value.append(sealed(BATCHES + 1))
        spool.value.close()
        expect(within(found.batches, whole.batches)).toBe(true)
        expect(within(found.states, whole.states)).toBe(true)
        expect(within(found.definitions, whole.definitions)).toBe(true)
        const isComplete = found.batches.length === BATCHES && found.lastDigest === whole.lastDigest
        expect(isComplete || losses > 0).toBe(true)
        expect(usable.ok).toBe(true)
        const isDropped = found.states.length < whole.states.length
        counts[isComplete ? (isDropped ? 'dropped' : 'whole') : 'admitted'] += 1
      }),
      { numRuns: FLIPS },
    )
    // Most of the file is batches: most flips must be seen. Those in registers are, too.
    expect(counts.admitted).toBeGreaterThan(FLIPS / 4)
    expect(counts.dropped).toBeGreaterThan(0)
  },
)

it('a bit that flips in the name of a column is seen', () => {
  const flipped = Buffer.from(pristine)
  flipped[flipped.indexOf('sealed_ms')]! ^= 32
  writeFileSync(file, flipped)
  const spool = opened()
  expect(spool.losses).toHaveLength(1)
  expect(unwrap(spool.append(sealed(BATCHES + 1)))).toBeUndefined()
  expect(spool.oldestSealedMs()).toBe(NOW_MS - 1_000_000 + 13_000)
  spool.close()
})

it('a batch with a flipped bit is kept beside the spool; the loss reaches from the batch before to the one after', () => {
  const flipped = Buffer.from(pristine)
  const at = flipped.indexOf(Buffer.alloc(800, 5))
  flipped[at]! ^= 1
  writeFileSync(file, flipped)
  const spool = opened()
  expect(spool.batches(RUN, 0n, 100).map(({ sequence }) => Number(sequence))).toEqual([
    1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12,
  ])
  expect(spool.losses).toMatchObject([{ fromMs: BigInt(NOW_MS - 996_000), toMs: BigInt(NOW_MS - 994_000) }])
  spool.close()
  expect(readdirSync(directory).filter((name) => name.includes('.unreadable-'))).toHaveLength(1)
  // A crash before the admission is sealed does not lose it, and does not admit it twice.
  const again = opened()
  expect(again.losses).toHaveLength(1)
  again.close()
})

it('where a damaged batch cannot be kept beside the spool, the whole ones stay in it', () => {
  const flipped = Buffer.from(pristine)
  flipped[flipped.indexOf(Buffer.alloc(800, 5))]! ^= 1
  writeFileSync(file, flipped)
  const inTheWay = join(directory, `spool.sqlite.unreadable-${NOW_MS}-5`)
  mkdirSync(inTheWay)
  expect(openSpool(file, LIMITS, NOW_MS)).toMatchObject({ ok: false, fault: { code: 'DISK_FULL' } })
  rmSync(inTheWay, { recursive: true })
  const spool = opened()
  expect(spool.batches(RUN, 0n, 100)).toHaveLength(BATCHES - 1)
  spool.close()
})
