import { throwFault } from '@vouch/proto/kernel/fault.ts'

/** Answers `Rating.resources`. Faults: UNSUPPORTED, always: rating of this version has no such call. */
export function listResources(): Promise<readonly string[]> {
  return Promise.try(() => throwFault('UNSUPPORTED', 'rating of this version does not list resources'))
}
