import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import type { Claim, Verdict } from '../ingest/sequence.ts'

/** An agent whose spool could not be read has no digest to continue from, and says so under its signature. */
export function admitsLoss({ losses }: Columns): boolean {
  return losses.some(({ reason }) => reason === LossReason.SPOOL_CORRUPT)
}

/** The batch before it is missing. */
export function isOrphan(verdict: Verdict): verdict is Extract<Verdict, { kind: 'gap' | 'unrooted' }> {
  return verdict.kind === 'gap' || verdict.kind === 'unrooted'
}

/** Why a batch cannot stand where it claims to. */
export function chainFaultOf(verdict: Verdict, { sequence }: Claim): Fault | undefined {
  if (verdict.kind === 'next' || verdict.kind === 'duplicate') return undefined
  if (verdict.kind === 'gap') {
    return fail('SEQUENCE_GAP', `batch ${verdict.expected} never came; the chain goes on without it`).fault
  }
  if (verdict.kind === 'fork') {
    const message = `sequence ${sequence} is taken by another batch; stop the other copy of this agent and enrol it again`
    return fail('SEQUENCE_FORK', message).fault
  }
  const message = `batch ${sequence} does not continue the chain of this agent; look for a restored snapshot`
  return fail('CHAIN_BROKEN', message).fault
}
