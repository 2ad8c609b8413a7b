import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { isSameOrDescendant, parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import type { MeterKind } from '@vouch/proto/kernel/meter.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { StreamRow } from '../ports.ts'

const KINDS: ReadonlyMap<RegisterKind, MeterKind> = new Map([
  [RegisterKind.COUNTER, 'counter'],
  [RegisterKind.INTEGRAL, 'integral'],
])
/** Who declares, and what it may meter. */
export interface Owner {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** The resource that it was enrolled for. */
  readonly resource: string
}

const NAME_CHARACTERS_MAX = 200
const ATTRIBUTES_MAX = 32
const ATTRIBUTE_CHARACTERS_MAX = 256

/**
 * Checks a stream's definition: its id commits to its fields, its meter and unit are known, and it lies within
 * what the agent was enrolled for. Faults: FIELD_INVALID, FORBIDDEN, METER_UNKNOWN, UNIT_UNKNOWN, UNIT_MISMATCH.
 */
export function declareStream(
  definition: StreamDefinition,
  { agentId, resource: own }: Owner,
  nowMs: number,
): Result<StreamRow> {
  const { resource, meter, unit, kind, attributes } = definition
  const path = parseResourceId(resource)
  if (!path.ok) return path
  // What a message repeats is bounded first.
  if (Math.max(meter.length, unit.length) > NAME_CHARACTERS_MAX) {
    return fail('FIELD_INVALID', `meter and unit have at most ${NAME_CHARACTERS_MAX} characters`)
  }
  const growth = KINDS.get(kind)
  if (growth === undefined) {
    return fail('FIELD_INVALID', `stream ${meter} of ${resource}: kind ${kind} is not known`)
  }
  if (!isSameOrDescendant(resource, own)) {
    const where = `${resource} is not ${own} nor below it, which this agent was enrolled for`
    return fail('FORBIDDEN', `stream ${meter}: ${where}; enrol an agent for it`)
  }
  const named = parseMeter(meter, unit, growth)
  if (!named.ok) return named
  const entries = Object.entries(attributes)
  if (
    entries.length > ATTRIBUTES_MAX ||
    entries.flat().some((text) => text.length > ATTRIBUTE_CHARACTERS_MAX)
  ) {
    return fail(
      'FIELD_INVALID',
      `stream ${meter} of ${resource}: at most ${ATTRIBUTES_MAX} attributes of ${ATTRIBUTE_CHARACTERS_MAX} characters`,
    )
  }
  if (!equalBytes(streamId(agentId, definition), definition.streamId)) {
    return fail('FIELD_INVALID', `stream ${meter} of ${resource}: the id does not commit to these fields`)
  }
  return ok({
    streamId: definition.streamId,
    agentId,
    resource,
    meter,
    unit,
    kind,
    attributes,
    declaredMs: nowMs,
  })
}
