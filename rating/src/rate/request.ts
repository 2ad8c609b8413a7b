import type { RateRequest } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Period as PeriodMessage } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { type Result, collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { type Period, formatInstant, intersect, overlaps, period } from '@vouch/proto/kernel/period.ts'
import { type PricedTariff, parseTariff } from '../tariff/tariff.ts'
import { selfAndAncestors } from '../usage/resource.ts'

/** A resource and the stretch of the invoice period in which it is billed. */
export interface Assignment {
  readonly resource: string
  readonly period: Period
}

/** A request that has been checked. */
export interface Order {
  readonly tariff: PricedTariff
  /** In the order of the request; those outside of the invoice period are left out. */
  readonly assignments: readonly Assignment[]
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
 * Checks what is to be rated. Faults: FIELD_MISSING, FIELD_INVALID, INSTANT_INVALID, PERIOD_REVERSED,
 * TARIFF_INVALID, ASSIGNMENT_OVERLAP, OUT_OF_RANGE.
 */
export function parseRateRequest(request: RateRequest): Result<Order> {
  const whole = parsePeriodMessage(request.period, '/period')
  if (!whole.ok) return whole
  if (request.tariff === undefined) return fail('FIELD_MISSING', 'name the tariff', { pointer: '/tariff' })
  const tariff = parseTariff(request.tariff)
  if (!tariff.ok) return tariff
  if (request.assignments.length > ASSIGNMENTS_MAX) {
    return fail('OUT_OF_RANGE', `more than ${ASSIGNMENTS_MAX} assignments; rate them in parts`, {
      pointer: '/assignments',
    })
  }
  const assignments = collect(
    request.assignments.map((assignment, i): Result<Assignment> => {
      const pointer = `/assignments/${i}`
      const resource = parseResourceId(assignment.resource)
      if (!resource.ok)
        return fail(resource.fault.code, resource.fault.message, { pointer: `${pointer}/resource` })
      const stretch = parsePeriodMessage(assignment.period, `${pointer}/period`)
      return stretch.ok ? ok({ resource: resource.value, period: stretch.value }) : stretch
    }),
  )
  if (!assignments.ok) return assignments
  const clipped = assignments.value.flatMap(({ resource, period: stretch }) => {
    const common = intersect(stretch, whole.value)
    return common === undefined ? [] : [{ resource, period: common }]
  })
  return overlapping(clipped) ?? ok({ tariff: tariff.value, assignments: clipped })
}

/** A resource assigned twice at one time, by itself or through one above it, would be billed twice. */
function overlapping(assignments: readonly Assignment[]): Result<never> | undefined {
  const byResource = Map.groupBy(assignments, ({ resource }) => resource)
  for (const assignment of assignments) {
    const others = selfAndAncestors(assignment.resource).flatMap((resource) => byResource.get(resource) ?? [])
    const other = others.find((one) => one !== assignment && overlaps(one.period, assignment.period))
    if (other === undefined) continue
    const at = formatInstant(Math.max(other.period.from, assignment.period.from))
    return fail(
      'ASSIGNMENT_OVERLAP',
      `${assignment.resource} and ${other.resource} are both assigned at ${at}`,
    )
  }
  return undefined
}
