import { create } from '@bufbuild/protobuf'
import { BatchHeaderSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { describe, expect, it } from 'vitest'
import type { Verdict } from '../ingest/sequence.ts'
import type { Archive, Hex } from '../ports.ts'
import { judgePlace } from './facts.ts'
import { Lane } from './lane.ts'

const digestOf = (name: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(name)
const runId = new Uint8Array(16)
/** The second and third batch of a run are missing, the fourth is there. */
const STORED = new Map([
  [1n, 1],
  [4n, 4],
])

function archive(): Archive {
  const names = [...STORED.values()]
  const successors = new Map([[digestOf(3).toHex(), digestOf(4).toHex()]])
  const hex = (name: number | undefined): Hex | undefined =>
    name === undefined ? undefined : digestOf(name).toHex()
  return {
    commit: () => Promise.resolve(ok(undefined)),
    addKey: () => Promise.resolve(ok(undefined)),
    lastReadings: () => Promise.resolve(ok([])),
    head: () => Promise.resolve(ok({ sequence: 4n, digest: digestOf(4).toHex() })),
    digestAt: (_agent, _run, sequence) => Promise.resolve(ok(hex(STORED.get(sequence)))),
    hasAgent: () => Promise.resolve(ok(true)),
    hasDigest: (_agent, digest) => Promise.resolve(ok(names.some((name) => hex(name) === digest.toHex()))),
    successor: (_agent, digest) => Promise.resolve(ok(successors.get(digest.toHex()))),
  }
}

async function judged(lane: Lane, sequence: bigint, name: number, previous: number): Promise<Verdict> {
  const header = create(BatchHeaderSchema, { runId, sequence, previousDigest: digestOf(previous) })
  const claim = { sequence, digest: digestOf(name).toHex(), previous: digestOf(previous).toHex() }
  const { run, verdict } = unwrap(await judgePlace(lane, header, claim, archive(), 0))
  if (verdict.kind === 'next') lane.advance(run, claim, claim.previous)
  return verdict
}

describe('a run of which an insert that failed between two months left later batches only', () => {
  it('is taken from the hole to its end once more, and nobody is called a clone', async () => {
    const lane = new Lane(new Uint8Array(16))
    for (const name of [2, 3, 4])
      expect(await judged(lane, BigInt(name), name, name - 1)).toEqual({ kind: 'next' })
  })

  it('takes nothing into the hole that does not follow what stands before it', async () => {
    const lane = new Lane(new Uint8Array(16))
    expect((await judged(lane, 2n, 2, 9)).kind).toBe('broken')
    expect((await judged(lane, 3n, 3, 2)).kind).toBe('gap')
    expect((await judged(lane, 1n, 9, 0)).kind).toBe('fork')
  })
})
