import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { BatchHeader } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { judge } from '../ingest/sequence.ts'
import type { Claim, Facts, Verdict } from '../ingest/sequence.ts'
import type { Archive } from '../ports.ts'
import type { Lane, Run } from './lane.ts'

/** A run as the archive has it now: another collector may have taken batches since it was remembered. */
export async function refreshRun(lane: Lane, runId: Uint8Array, archive: Archive): Promise<Result<Run>> {
  const name = runId.toHex()
  const head = await archive.head(lane.agentId, runId)
  if (!head.ok) return head
  if (head.value === undefined) return ok(lane.adopt(name, undefined, undefined))
  const next = await archive.successor(lane.agentId, Uint8Array.fromHex(head.value.digest))
  return next.ok ? ok(lane.adopt(name, head.value, next.value)) : next
}

/**
 * Judges the place that a batch claims. Memory suffices to take a batch, never to refuse it: the batches
 * that seem to be missing may have come through another collector, and then the agent has deleted them.
 */
export async function judgePlace(
  lane: Lane,
  header: BatchHeader,
  claim: Claim,
  archive: Archive,
  nowMs: number,
): Promise<Result<{ readonly run: Run; readonly verdict: Verdict }>> {
  const remembered = lane.run(header.runId.toHex())
  if (remembered !== undefined) {
    const verdict = await judgeOn(lane, remembered, header, claim, archive)
    if (!verdict.ok) return verdict
    const { kind } = verdict.value
    if (kind === 'next' || kind === 'duplicate' || !lane.questions.take(nowMs))
      return ok({ run: remembered, verdict: verdict.value })
  }
  const run = await refreshRun(lane, header.runId, archive)
  if (!run.ok) return run
  const verdict = await judgeOn(lane, run.value, header, claim, archive)
  return verdict.ok ? ok({ run: run.value, verdict: verdict.value }) : verdict
}

async function judgeOn(
  lane: Lane,
  run: Run,
  header: BatchHeader,
  claim: Claim,
  archive: Archive,
): Promise<Result<Verdict>> {
  const facts = await gatherFacts(lane, run, header, claim, archive)
  return facts.ok ? ok(judge(claim, facts.value)) : facts
}

/** Gathers what is known about the place that a batch claims: memory first, the archive where needed. */
async function gatherFacts(
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
    if (!archived.ok) return archived
    if (archived.value === undefined) return holeFacts(lane, header, claim, archive)
    return ok({ ...nothing, taken: archived.value })
  }
  if (last !== undefined) return ok({ ...nothing, successor: run.successor })
  if (claim.sequence > 1n) return ok(nothing)
  return rootFacts(lane, header.previousDigest, claim, archive, nothing)
}

/**
 * For a batch that is missing though later ones of its run are there: an insert that spans two months may have
 * failed between them. It stands where the batch before it says, and the run goes on from there once more.
 */
async function holeFacts(
  lane: Lane,
  { previousDigest, runId }: BatchHeader,
  claim: Claim,
  archive: Archive,
): Promise<Result<Facts>> {
  const root = await neighboursOf(lane, previousDigest, archive)
  if (!root.ok) return root
  const facts: Facts = { last: undefined, taken: undefined, ...root.value }
  if (claim.sequence === 1n) return ok(facts)
  const sequence = claim.sequence - 1n
  const before = await archive.digestAt(lane.agentId, runId, sequence)
  if (!before.ok) return before
  return ok(before.value === undefined ? facts : { ...facts, last: { sequence, digest: before.value } })
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
  if (previous.length === 0) {
    const known = await archive.hasAgent(lane.agentId)
    return known.ok ? ok({ ...nothing, rooted: !known.value && !lane.started }) : known
  }
  const around = await neighboursOf(lane, previous, archive)
  if (!around.ok) return around
  const { rooted, successor } = around.value
  return ok({ ...nothing, rooted, successor: successor ?? lane.firstAfter(claim.previous) })
}

/** Whether a batch is archived, and which one follows it; nothing is before the first of the agent's life. */
async function neighboursOf(
  lane: Lane,
  digest: Uint8Array,
  archive: Archive,
): Promise<Result<Pick<Facts, 'rooted' | 'successor'>>> {
  if (digest.length === 0) return ok({ rooted: true, successor: undefined })
  const [known, next] = await Promise.all([
    archive.hasDigest(lane.agentId, digest),
    archive.successor(lane.agentId, digest),
  ])
  if (!known.ok) return known
  return next.ok ? ok({ rooted: known.value, successor: next.value }) : next
}
