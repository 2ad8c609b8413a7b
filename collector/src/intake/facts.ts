import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { BatchHeader } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Claim, Facts } from '../ingest/sequence.ts'
import type { Archive } from '../ports.ts'
import type { Lane, Run } from './lane.ts'

/** The run of a batch, from memory or from the archive. */
export async function loadRun(lane: Lane, runId: Uint8Array, archive: Archive): Promise<Result<Run>> {
  const name = runId.toHex()
  const known = lane.run(name)
  if (known !== undefined) return ok(known)
  const head = await archive.head(lane.agentId, runId)
  if (!head.ok) return head
  if (head.value === undefined) return ok(lane.load(name, undefined, undefined))
  const around = await archive.neighbours(lane.agentId, Uint8Array.fromHex(head.value.digest))
  return around.ok ? ok(lane.load(name, head.value, around.value.successor)) : around
}

/** Gathers what is known about the place that a batch claims: memory first, the archive where needed. */
export async function gatherFacts(
  lane: Lane,
  run: Run,
  header: BatchHeader,
  claim: Claim,
  archive: Archive,
): Promise<Result<Facts>> {
  const { head: last } = run
  const nothing: Facts = { last, taken: undefined, successor: undefined, rooted: false }
  if (last !== undefined && claim.sequence <= last.sequence) {
    const recent = run.recent.get(claim.sequence)
    if (recent !== undefined) return ok({ ...nothing, taken: recent })
    const archived = await archive.digestAt(lane.agentId, header.runId, claim.sequence)
    return archived.ok ? ok({ ...nothing, taken: archived.value }) : archived
  }
  if (last !== undefined) return ok({ ...nothing, successor: run.successor })
  if (claim.sequence > 1n) return ok(nothing)
  return rootFacts(lane, header.previousDigest, claim, archive, nothing)
}

/** For the first batch of a run: does it continue the agent's chain, and does something else already? */
async function rootFacts(
  lane: Lane,
  previous: Uint8Array,
  claim: Claim,
  archive: Archive,
  nothing: Facts,
): Promise<Result<Facts>> {
  const holder = lane.holder(claim.previous)
  if (holder !== undefined) return ok({ ...nothing, rooted: true, successor: holder.next })
  const around = await archive.neighbours(lane.agentId, previous)
  if (!around.ok) return around
  const { agentKnown, known, successor } = around.value
  if (previous.length === 0) return ok({ ...nothing, rooted: !agentKnown && !lane.started })
  return ok({ ...nothing, rooted: known, successor: successor ?? lane.firstAfter(claim.previous) })
}
