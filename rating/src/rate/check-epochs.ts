import type { EpochUsage, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'

/** Whether each epoch has both its ends and its register rises from cut to cut between them. Fault: FIELD_INVALID with its pointer. */
export function checkEpochs(streams: readonly StreamUsage[], pointer: string): Result<void> {
  for (const [i, { epochs }] of streams.entries()) {
    const faulty = epochs.findIndex((epoch) => !isRising(epoch))
    if (faulty >= 0)
      return fail(
        'FIELD_INVALID',
        'an epoch has an opening, cuts after it and a closing, and its register does not fall',
        {
          pointer: `${pointer}/streams/${i}/epochs/${faulty}`,
        },
      )
  }
  return ok(undefined)
}

function isRising({ opening, cuts, closing }: EpochUsage): boolean {
  if (opening === undefined || closing === undefined) return false
  const course = [opening, ...cuts, closing]
  return course
    .slice(1)
    .every(({ atMs, register }, i) => atMs >= course[i]!.atMs && register >= course[i]!.register)
}
