import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AdmittedBatch, StreamRow } from '../ports.ts'
import { CommitQueue } from './commit-queue.ts'

const LIMITS = { rowsMax: 100, bytesMax: 10_000, waitMs: 50 }

/** A batch of so many readings. */
function batchOf(sequence: number, rows: number): AdmittedBatch {
  const none = new Uint8Array()
  const columns = {
    streamIds: none,
    timeBaseMs: 0,
    segmentStream: new Uint32Array(),
    segmentEpoch: new BigUint64Array(),
    segmentRows: new Uint32Array(),
    timeMs: new BigUint64Array(rows),
    register: new BigUint64Array(rows),
    spanMs: new Uint32Array(rows),
    losses: [],
  }
  return {
    agentId: none,
    runId: none,
    sequence: BigInt(sequence),
    digest: none,
    previous: none,
    header: new Uint8Array(10),
    body: new Uint8Array(rows * 11),
    signature: none,
    keyId: none,
    columns,
    classes: [],
    fault: undefined,
    chained: true,
    final: false,
    policyVersion: 3n,
    wallMs: 0,
    receivedMs: 0,
    peer: '',
  }
}

function streamOf(resource: string): StreamRow {
  const none = new Uint8Array()
  const fields = { meter: 'm.x', unit: 'B', kind: 1, attributes: {}, declaredMs: 0 }
  return { streamId: none, agentId: none, resource, ...fields }
}

const rowsOf = (batches: readonly AdmittedBatch[]): number =>
  batches.reduce((sum, { columns }) => sum + (columns?.timeMs.length ?? 0), 0)

describe('law: a queue of batches', () => {
  it('gives every batch once, in order, in groups that a single batch at most takes over the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 150 }), { maxLength: 60 }), (sizes) => {
        const queue = new CommitQueue(LIMITS)
        sizes.forEach((rows, index) => queue.add(batchOf(index, rows), 0))
        const taken: AdmittedBatch[] = []
        while (queue.dueInMs(0) !== undefined) {
          const { batches } = queue.take()
          expect(batches.length).toBeGreaterThan(0)
          expect(rowsOf(batches.slice(0, -1))).toBeLessThan(LIMITS.rowsMax)
          taken.push(...batches)
        }
        expect(taken.map(({ sequence }) => Number(sequence))).toEqual(sizes.map((_, index) => index))
        expect(queue.bytes).toBe(0)
      }),
    )
  })
})

describe('law: streams', () => {
  it('all come, within the bound on bytes, before any batch that was queued after them', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 20 }), (counts) => {
        const queue = new CommitQueue(LIMITS)
        counts.forEach((count, index) => {
          queue.addStreams(
            Array.from({ length: count }, (_, nth) => streamOf(`${index}.${nth}`)),
            0,
          )
          queue.add(batchOf(index, 1), 0)
        })
        const named = counts.flatMap((count, index) =>
          Array.from({ length: count }, (_, nth) => `${index}.${nth}`),
        )
        const taken: string[] = []
        while (queue.dueInMs(LIMITS.waitMs) !== undefined) {
          const { streams, batches, bytes } = queue.take()
          expect(bytes).toBeLessThanOrEqual(LIMITS.bytesMax + 1_000)
          taken.push(...streams.map(({ resource }) => resource))
          if (batches.length > 0) expect(taken).toEqual(named)
        }
        expect(taken).toEqual(named)
        expect(queue.bytes).toBe(0)
      }),
    )
  })
})

describe('a queue', () => {
  it('is due when it is full, or when its first batch waited long enough', () => {
    const queue = new CommitQueue(LIMITS)
    expect(queue.dueInMs(0)).toBeUndefined()
    queue.add(batchOf(1, 10), 1000)
    expect(queue.dueInMs(1020)).toBe(30)
    expect(queue.dueInMs(2000)).toBe(0)
    queue.add(batchOf(2, 90), 1010)
    expect(queue.dueInMs(1010)).toBe(0)
  })

  it('forgets everything when it is cleared', () => {
    const queue = new CommitQueue(LIMITS)
    queue.add(batchOf(1, 10), 0)
    queue.clear()
    expect(queue.dueInMs(0)).toBeUndefined()
    expect(queue.bytes).toBe(0)
    expect(queue.take().batches).toEqual([])
  })
})
