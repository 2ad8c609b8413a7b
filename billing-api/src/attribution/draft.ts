import { formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { parseInstant } from '@vouch/proto/kernel/period.ts'
import { ONE, ZERO, add, compare, divide, equals, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { at } from '../catalogue/item.ts'
import { covers } from './rule-set.ts'
import type { Bucket, Condition, ResourceCondition, Rule, RuleSet, Share } from './rule-set.ts'

/** Who bears a part, as asked for. */
export interface BucketRequest {
  readonly account: string
  readonly costCentre?: string
}

/** A part, as asked for. */
export interface ShareRequest extends BucketRequest {
  /** Decimal text above 0, at most 100. */
  readonly percent: string
}

/** A rule as asked for. */
export interface RuleRequest {
  readonly id: string
  readonly priority: number
  readonly when: {
    /** A path, or a path and "/*" for everything below it as well. */
    readonly resource?: string
    readonly attributes?: Readonly<Record<string, string | readonly string[]>>
  }
  readonly to: readonly ShareRequest[]
}

/** A rule set as asked for. */
export interface RuleSetRequest {
  /** RFC 3339. */
  readonly effectiveFrom: string
  readonly rules: readonly RuleRequest[]
  /** Who bears what no rule matches. */
  readonly default?: BucketRequest
}

/** What a rule set is checked against. */
export interface RuleSetContext {
  readonly version: number
  /** The accounts that exist, of those named; undefined = all do. */
  readonly accounts?: ReadonlySet<string>
  /** Whether another set is in force from the same instant. */
  readonly taken?: boolean
  /** Where the request stands in the input, as a JSON pointer; empty = it is the input. */
  readonly base?: string
}

/** Bounds of a percentage. */
const PERCENT = { maxScale: 12, maxDigits: 15 }
const HUNDRED = rational(100n)

const TAKEN = fail('ALREADY_EXISTS', 'another rule set is in force from this instant; choose a later one')

/**
 * The rule set as a version. Faults, all at once: INSTANT_INVALID, ALREADY_EXISTS, FIELD_INVALID, DECIMAL_INVALID, OUT_OF_RANGE,
 * NOT_FOUND for an account, ATTRIBUTION_INVALID where percentages do not sum to 100, something is there twice, or
 * a rule can never match because one before it takes everything that it would.
 */
export function draftRuleSet(
  request: RuleSetRequest,
  { version, accounts, taken = false, base = '' }: RuleSetContext,
): Result<RuleSet> {
  const effectiveFrom = at(`${base}/effectiveFrom`, taken ? TAKEN : parseInstant(request.effectiveFrom))
  const rules = request.rules.map((rule, index) => ruleOf(rule, `${base}/rules/${index}`))
  const checks = collect<unknown>([
    effectiveFrom,
    ...rules,
    ...idChecks(request.rules, base),
    ...reachChecks(rules, base),
    ...accountChecks(request, accounts, base),
  ])
  if (!checks.ok) return checks
  const values = collect(rules)
  if (!values.ok) return values
  if (!effectiveFrom.ok) return effectiveFrom
  return ok({
    version,
    effectiveFrom: effectiveFrom.value,
    rules: values.value.toSorted(before),
    fallback: request.default === undefined ? undefined : bucketOf(request.default),
  })
}

/** Every account that a request names, each once. */
export function accountsNamed({ rules, default: bucket }: RuleSetRequest): string[] {
  const named = rules.flatMap(({ to }) => to.map(({ account }) => account))
  return [...new Set(bucket === undefined ? named : [...named, bucket.account])]
}

/** The request that a rule set comes from, in its one spelling: rules in their order, percentages as short as can be. */
export function requestOf({ rules, fallback }: RuleSet): Omit<RuleSetRequest, 'effectiveFrom'> {
  return {
    rules: rules.map(({ id, priority, when, to }) => ({
      id,
      priority,
      when: whenOf(when),
      to: to.map((share) => ({ ...bucketRequestOf(share), percent: percentOf(share.share) })),
    })),
    ...(fallback === undefined ? {} : { default: bucketRequestOf(fallback) }),
  }
}

/** A bucket as it is asked for. */
export function bucketRequestOf({ account, costCentre }: Bucket): BucketRequest {
  return { account, ...(costCentre === undefined ? {} : { costCentre }) }
}

/** A share as a percentage, decimal text. Throws where no decimal is exactly the share. */
export function percentOf(share: Rational): string {
  const text = formatExact(multiply(share, HUNDRED))
  if (text === undefined) throw new RangeError('the share is no decimal percentage')
  return text
}

function ruleOf({ id, priority, when, to }: RuleRequest, pointer: string): Result<Rule> {
  const place = when.resource === undefined ? ok(undefined) : resourceConditionOf(when.resource)
  const shares = collect(to.map((share, index) => shareOf(share, `${pointer}/to/${index}`)))
  const checks = collect<unknown>([
    at(`${pointer}/when/resource`, place),
    shares,
    ...(shares.ok ? [wholeCheck(shares.value, `${pointer}/to`)] : []),
    ...twice(to.map(bucketKey), (index) => `${pointer}/to/${index}`, 'the account and cost centre'),
  ])
  if (!checks.ok) return checks
  if (!shares.ok) return shares
  if (!place.ok) return place
  return ok({
    id,
    priority,
    when: conditionOf(place.value, when.attributes),
    to: shares.value.toSorted(byBucket),
  })
}

function resourceConditionOf(text: string): Result<ResourceCondition> {
  const below = text.endsWith('/*')
  const path = parseResourceId(below ? text.slice(0, -2) : text)
  return path.ok ? ok({ path: path.value, below }) : path
}

function conditionOf(
  resource: ResourceCondition | undefined,
  attributes: RuleRequest['when']['attributes'] = {},
): Condition {
  return {
    resource,
    attributes: Object.entries(attributes)
      .map(([name, wanted]) => ({
        name,
        values: [...new Set(typeof wanted === 'string' ? [wanted] : wanted)].toSorted(),
      }))
      .toSorted((a, b) => compareText(a.name, b.name)),
  }
}

function whenOf({ resource, attributes }: Condition): RuleRequest['when'] {
  const place =
    resource === undefined ? {} : { resource: resource.below ? `${resource.path}/*` : resource.path }
  if (attributes.length === 0) return place
  const named = attributes.map(({ name, values: [first = '', ...rest] }) => [
    name,
    rest.length === 0 ? first : [first, ...rest],
  ])
  return { ...place, attributes: Object.fromEntries(named) }
}

function shareOf(request: ShareRequest, pointer: string): Result<Share> {
  const percent = at(`${pointer}/percent`, parseDecimal(request.percent, PERCENT))
  if (!percent.ok) return percent
  if (compare(percent.value, ZERO) <= 0 || compare(percent.value, HUNDRED) > 0) {
    return fail('OUT_OF_RANGE', 'a percentage is above 0 and at most 100', { pointer: `${pointer}/percent` })
  }
  return ok({ ...bucketOf(request), share: divide(percent.value, HUNDRED) })
}

function wholeCheck(shares: readonly Share[], pointer: string): Result<unknown> {
  const sum = shares.reduce((total, { share }) => add(total, share), ZERO)
  return equals(sum, ONE) ? ok(sum) : invalid(`the percentages sum to ${percentOf(sum)}, not to 100`, pointer)
}

function idChecks(rules: readonly RuleRequest[], base: string): Result<unknown>[] {
  const ids = rules.map(({ id }) => id)
  return twice(ids, (index) => `${base}/rules/${index}/id`, 'the id')
}

/** Looks only at rules that are sound themselves. */
function reachChecks(results: readonly Result<Rule>[], base: string): Result<unknown>[] {
  const rules = results.flatMap((result, index) => (result.ok ? [{ index, rule: result.value }] : []))
  const ordered = rules.toSorted((a, b) => before(a.rule, b.rule))
  return ordered.flatMap(({ index, rule }, place) => {
    const earlier = ordered.slice(0, place).find((other) => covers(other.rule.when, rule.when))
    if (earlier === undefined) return []
    const message = `rule ${rule.id} never matches: ${earlier.rule.id}, which is asked before it, takes all that it would`
    return [invalid(message, `${base}/rules/${index}/when`)]
  })
}

function accountChecks(
  request: RuleSetRequest,
  accounts: ReadonlySet<string> | undefined,
  base: string,
): Result<unknown>[] {
  const named = request.rules.flatMap(({ to }, rule) =>
    to.map(({ account }, index) => ({ account, pointer: `${base}/rules/${rule}/to/${index}/account` })),
  )
  const { default: bucket } = request
  const all = bucket === undefined ? named : [...named, { ...bucket, pointer: `${base}/default/account` }]
  return all
    .filter(({ account }) => accounts?.has(account) === false)
    .map(({ account, pointer }) => fail('NOT_FOUND', `there is no account ${account}`, { pointer }))
}

function twice(
  keys: readonly string[],
  pointerOf: (index: number) => string,
  what: string,
): Result<unknown>[] {
  const seen = new Set<string>()
  return keys.flatMap((key, index) => {
    if (seen.has(key)) return [invalid(`${what} ${key} is there twice`, pointerOf(index))]
    seen.add(key)
    return []
  })
}

function invalid(message: string, pointer: string): Result<never> {
  const code: FaultCode = 'ATTRIBUTION_INVALID'
  return fail(code, message, { pointer })
}

function bucketOf({ account, costCentre }: BucketRequest): Bucket {
  return { account, costCentre }
}

function bucketKey({ account, costCentre }: BucketRequest): string {
  return costCentre === undefined ? account : `${account}/${costCentre}`
}

function before(a: Rule, b: Rule): number {
  return a.priority - b.priority || compareText(a.id, b.id)
}

function byBucket(a: Share, b: Share): number {
  return compareText(a.account, b.account) || compareText(a.costCentre ?? '', b.costCentre ?? '')
}
