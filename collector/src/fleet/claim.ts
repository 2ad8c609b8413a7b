import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import type { EnrolmentInput } from './ports.ts'

const TEXT_CHARACTERS_MAX = 200

/** Whether what an agent says of itself can be registered. Faults: FIELD_INVALID, and those of a resource id. */
export function checkClaim({
  label,
  resource,
  agentVersion,
}: Pick<EnrolmentInput, 'label' | 'resource' | 'agentVersion'>): Result<void> {
  const path = parseResourceId(resource)
  if (!path.ok) return path
  if (label.length <= TEXT_CHARACTERS_MAX && agentVersion.length <= TEXT_CHARACTERS_MAX) return ok(undefined)
  return fail('FIELD_INVALID', `label and agent version have at most ${TEXT_CHARACTERS_MAX} characters`)
}
