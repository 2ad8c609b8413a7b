import type { Assignment as AssignmentMessage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Period as PeriodMessage } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId, selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { type Period, formatInstant, intersect, overlaps, period } from '@vouch/proto/kernel/period.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { shareOf } from './share.ts'

/** A resource and the stretch of the invoice period in which it is billed. */
export interface Assignment {
  readonly resource: string
  readonly period: Period
  /** What prices may depend on, by name in ascending order. */
  readonly dimensions: Readonly<Record<string, string>>
  /** The payer's share of the usage, decimal text. */
  readonly share: string
  /** Only the resource itself, nothing below it. */
  readonly itself: boolean
}

const ASSIGNMENTS_MAX = 10_000

/** A period from its message. Faults: FIELD_MISSING, INSTANT_INVALID, PERIOD_REVERSED. */
export function parsePeriodMessage(message: PeriodMessage | undefined, field: string): Result<Period> {
  if (message === undefined) return fail('FIELD_MISSING', `${field} is missing`, { pointer: field })
  const { fromMs, toMs } = message
  const parsed = period(Number.parseInt(`${fromMs}`, 10), Number.parseInt(`${toMs}`, 10))
  return parsed.ok ? parsed : fail(parsed.fault.code, parsed.fault.message, { pointer: field })
}

/**
 * What is assigned in a stretch, by resource, then by time. Faults: FIELD_MISSING, FIELD_INVALID, INSTANT_INVALID,
 * PERIOD_REVERSED, ASSIGNMENT_OVERLAP, OUT_OF_RANGE, DECIMAL_INVALID.
 */
export function parseAssignments(
  messages: readonly AssignmentMessage[],
  stretch: Period,
): Result<Assignment[]> {
  if (messages.length > ASSIGNMENTS_MAX) {
    return fail('OUT_OF_RANGE', `more than ${ASSIGNMENTS_MAX} assignments; rate them in parts`, {
      pointer: '/assignments',
    })
  }
  const assignments = collect(messages.map((message, i) => parseAssignment(message, `/assignments/${i}`)))
  if (!assignments.ok) return assignments
  const clipped = assignments.value.flatMap((assignment) => {
    const common = intersect(assignment.period, stretch)
    return common === undefined ? [] : [{ ...assignment, period: common }]
  })
  return overlapping(clipped) ?? ok(clipped.toSorted(inOrder))
}

function parseAssignment(message: AssignmentMessage, pointer: string): Result<Assignment> {
  const resource = parseResourceId(message.resource)
  if (!resource.ok)
    return fail(resource.fault.code, resource.fault.message, { pointer: `${pointer}/resource` })
  const stretch = parsePeriodMessage(message.period, `${pointer}/period`)
  if (!stretch.ok) return stretch
  const share = shareOf(message.share)
  if (!share.ok) return fail(share.fault.code, share.fault.message, { pointer: `${pointer}/share` })
  const dimensions = Object.entries(message.dimensions).toSorted(([a], [b]) => compareText(a, b))
  const own = {
    dimensions: Object.fromEntries(dimensions),
    share: message.share || '1',
    itself: message.itself,
  }
  return ok({ resource: resource.value, period: stretch.value, ...own })
}

function inOrder(a: Assignment, b: Assignment): number {
  return compareText(a.resource, b.resource) || a.period.from - b.period.from
}

/** A resource assigned twice at one time, by itself or through one above it, would be billed twice. */
function overlapping(assignments: readonly Assignment[]): Result<never> | undefined {
  const byResource = Map.groupBy(assignments, ({ resource }) => resource)
  for (const assignment of assignments) {
    const others = selfAndAncestors(assignment.resource).flatMap((resource) => byResource.get(resource) ?? [])
    const reaches = (one: Assignment): boolean => !one.itself || one.resource === assignment.resource
    const other = others.find(
      (one) => one !== assignment && reaches(one) && overlaps(one.period, assignment.period),
    )
    if (other === undefined) continue
    const at = formatInstant(Math.max(other.period.from, assignment.period.from))
    return fail(
      'ASSIGNMENT_OVERLAP',
      `${assignment.resource} and ${other.resource} are both assigned at ${at}`,
    )
  }
  return undefined
}
