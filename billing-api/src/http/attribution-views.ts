import type { Static } from '@fastify/type-provider-typebox'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Explanation } from '../attribution/attribute.ts'
import type { Unattributed } from '../attribution/attributed.ts'
import type { AttributeSet } from '../attribution/attributes.ts'
import { bucketRequestOf, percentOf, requestOf } from '../attribution/draft.ts'
import type { Preview } from '../attribution/preview.ts'
import type { RuleSet } from '../attribution/rule-set.ts'
import type { Holding } from '../attribution/stretches.ts'
import type * as schema from './attribution-schemas.ts'
import { amountView, openPeriodView, periodView } from './views.ts'

/** Attributes over a stretch of time. */
export function attributesView(set: AttributeSet): Static<typeof schema.AttributesReply> {
  return { resource: set.resource, attributes: { ...set.attributes }, period: openPeriodView(set.period) }
}

/** A rule set. */
export function ruleSetView(set: RuleSet): Static<typeof schema.RuleSetReply> {
  const { rules, ...rest } = requestOf(set)
  return {
    version: set.version,
    effectiveFrom: formatInstant(set.effectiveFrom),
    rules: rules.map(({ when, to, ...rule }) => ({ ...rule, when: whenView(when), to: [...to] })),
    ...rest,
  }
}

/** Who bears a resource, and why. An assignment is asked before any rule. */
export function attributionView(
  resource: string,
  atMs: number,
  explanation: Explanation,
  assignment: Holding | undefined,
): Static<typeof schema.AttributionReply> {
  const head = { resource, at: formatInstant(atMs), attributes: [...explanation.attributes] }
  if (assignment !== undefined) {
    const { id, account, resource: path } = assignment
    const shares = [{ account, percent: '100' }]
    return { ...head, by: 'assignment', assignment: { id, account, resource: path }, shares, rejected: [] }
  }
  const { by, ruleSet, rule, shares, rejected } = explanation
  return {
    ...head,
    by,
    ...(ruleSet === undefined ? {} : { ruleSet }),
    ...(rule === undefined ? {} : { rule }),
    shares: shares.map((share) => ({ ...bucketRequestOf(share), percent: percentOf(share.share) })),
    rejected: rejected.map(({ rule: id, unmet: { attribute, wanted, met } }) => ({
      rule: id,
      condition: attribute === undefined ? 'resource' : `attributes.${attribute}`,
      wanted: [...wanted],
      ...(met === undefined ? {} : { met }),
    })),
  }
}

/** What a rule set would move. */
export function previewView(lines: number, { moves, balances }: Preview): Static<typeof schema.PreviewReply> {
  return {
    lines,
    moves: moves.map(({ resource, from, to, amount }) => ({
      resource,
      from,
      ...(to === undefined ? {} : { to }),
      amount: amountView(amount),
    })),
    accounts: balances.map(({ account, gains, losses, net }) => ({
      account,
      gains: amountView(gains),
      losses: amountView(losses),
      net: amountView(net),
    })),
  }
}

/** A resource that nobody bears. */
export function unattributedView({
  resource,
  periods,
}: Unattributed): Static<typeof schema.UnattributedReply> {
  return { resource, periods: periods.map(periodView) }
}

type WhenView = Static<typeof schema.RuleSetReply>['rules'][number]['when']

function whenView({ resource, attributes }: ReturnType<typeof requestOf>['rules'][number]['when']): WhenView {
  const wanted = Object.entries(attributes ?? {}).map(([name, values]) => [
    name,
    typeof values === 'string' ? values : [...values],
  ])
  return {
    ...(resource === undefined ? {} : { resource }),
    ...(attributes === undefined ? {} : { attributes: Object.fromEntries(wanted) }),
  }
}
