import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import { rangesOf, segmentsOf } from './agree.ts'
import type { EpochRange } from './agree.ts'
import type { QuarantineEntry, QuarantinedBytes } from './ports.ts'
import { streamKeys } from './stream-key.ts'
import type { Decider, Outcome, RedriveDeps } from './redrive.ts'

/**
 * Notes that the readings of one batch are given up; nothing is deleted, and a later redrive takes them after all.
 * The outcome's fault is BATCH_TAKEN where readings of it are stored already. Faults: STORE_…, DISK_FULL.
 */
export async function discard(
  entry: QuarantineEntry,
  { by, reason }: Decider,
  deps: Pick<RedriveDeps, 'quarantine' | 'limits' | 'now'>,
): Promise<Result<Outcome>> {
  if (entry.state === 'redriven') return ok({ entry, fault: taken('it was redriven') })
  const stored = await deps.quarantine.bytes([entry])
  if (!stored.ok) return stored
  const ranges = stored.value.flatMap((batch) => epochsOf(entry, batch, deps))
  const half = ranges.length === 0 ? ok(false) : await deps.quarantine.isTaken(entry, ranges)
  if (!half.ok) return half
  if (half.value) return ok({ entry, fault: taken('redriving it was begun; redrive it to its end') })
  const decidedMs = deps.now()
  const decided = await deps.quarantine.decide([{ entry, decision: 'discarded', decidedMs, by, reason }])
  return decided.ok ? ok({ entry, fault: undefined }) : decided
}

function taken(why: string): Fault {
  return fail('BATCH_TAKEN', `readings of this batch are stored and count: ${why}`).fault
}

/** Where its readings would be. A fork stands in the place of another batch, whose readings those are. */
function epochsOf(
  { code }: QuarantineEntry,
  { body }: QuarantinedBytes,
  { limits }: Pick<RedriveDeps, 'limits'>,
): EpochRange[] {
  if (code === 'SEQUENCE_FORK') return []
  const decoded = decodeBody(body, limits)
  if (!decoded.ok) return []
  return [...rangesOf(segmentsOf(decoded.value, streamKeys(decoded.value))).values()]
}
