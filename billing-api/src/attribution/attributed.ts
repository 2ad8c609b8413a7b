import { selfAndAncestors } from '@vouch/proto/kernel/id.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, equals, formatFraction, sign } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { attribute } from './attribute.ts'
import type { World } from './attribute.ts'
import { shareOfAccount } from './cost-centre.ts'
import { cutAt, joined, merged, unassigned } from './stretches.ts'
import type { Holdings } from './stretches.ts'

/** What rules give to an account. */
export interface AttributedResource {
  readonly resource: string
  readonly period: Period
  /** The account's part of the usage, over all its cost centres; above 0, at most 1. */
  readonly share: Rational
  /**
   * Whether everything below the resource goes along, as with an assignment. False where something measured below
   * it is another's, or the account's by another share: then only what the resource itself measured is meant.
   */
  readonly below: boolean
}

/** A resource with the stretches in which nobody bears it. */
export interface Unattributed {
  readonly resource: string
  readonly periods: readonly Period[]
}

/** A resource that measured, in the tree of those that did. */
interface Node {
  readonly resource: string
  /** The nearest one above it that measured. */
  readonly parent: string | undefined
  /** Stretches in which the account has a part. */
  readonly parts: readonly { readonly period: Period; readonly share: Rational }[]
}

/**
 * What rules give to an account over a period, of the resources that measured in it: by resource, then time. What an
 * assignment of the resource or of one above it covers is nobody's by rule. Nothing is there twice: no resource is
 * below another one of the same time that takes everything below it.
 */
export function attributedTo(
  world: World,
  account: string,
  period: Period,
  resources: readonly string[],
  holdings: Holdings,
): AttributedResource[] {
  const measured = new Set(resources)
  // Above before below: a parent is looked at before its children.
  const nodes = [...measured].toSorted(byDepth).map((resource): Node => {
    const parent = selfAndAncestors(resource).findLast((path) => path !== resource && measured.has(path))
    return { resource, parent, parts: partsOf(world, account, period, resource, holdings) }
  })
  const roots = new Map<string, string>()
  for (const { resource, parent } of nodes)
    roots.set(resource, parent === undefined ? resource : (roots.get(parent) ?? parent))
  const trees = Map.groupBy(nodes, ({ resource }) => roots.get(resource) ?? resource)
  const found = [...trees.values()].flatMap((tree) => ofTree(tree, period))
  return [...Map.groupBy(found, ({ resource }) => resource)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, pieces]) => merged(pieces, ({ share, below }) => `${formatFraction(share)} ${below}`))
}

/** The stretches of a period in which neither an assignment nor a rule covers a resource; undefined = none. */
export function unattributed(
  world: World,
  resource: string,
  period: Period,
  holdings: Holdings,
): Unattributed | undefined {
  const pieces = unassigned(resource, period, holdings)
    .flatMap((span) => attribute(world, resource, span))
    .filter(({ by }) => by === 'nobody')
  const periods = joined(pieces.map((piece) => piece.period))
  return periods.length === 0 ? undefined : { resource, periods }
}

function partsOf(
  world: World,
  account: string,
  period: Period,
  resource: string,
  holdings: Holdings,
): Node['parts'] {
  return unassigned(resource, period, holdings)
    .flatMap((span) => attribute(world, resource, span))
    .map((piece) => ({ period: piece.period, share: shareOfAccount(piece.shares, account) }))
    .filter(({ share }) => sign(share) > 0)
}

/** In order of time. */
function ofTree(tree: readonly Node[], period: Period): AttributedResource[] {
  const instants = tree.flatMap(({ parts }) => parts.flatMap((part) => [part.period.from, part.period.to]))
  return cutAt(period, instants).flatMap((span) => atOnce(tree, span))
}

/** What the account has of a tree over a stretch in which nothing changes. */
function atOnce(tree: readonly Node[], period: Period): AttributedResource[] {
  const shares = new Map(tree.map(({ resource, parts }) => [resource, shareAt(parts, period.from)]))
  const shareOf = (resource: string) => shares.get(resource) ?? ZERO
  const mixed = new Set<string>()
  for (const { resource, parent } of tree.toReversed()) {
    if (parent === undefined) continue
    if (mixed.has(resource) || !equals(shareOf(resource), shareOf(parent))) mixed.add(parent)
  }
  const whole = new Set<string>()
  return tree.flatMap(({ resource, parent }) => {
    const share = shareOf(resource)
    const below = !mixed.has(resource)
    const above = parent !== undefined && whole.has(parent)
    if (above || below) whole.add(resource)
    return above || sign(share) === 0 ? [] : [{ resource, period, share, below }]
  })
}

function shareAt(parts: Node['parts'], atMs: number): Rational {
  return parts.find(({ period }) => contains(period, atMs))?.share ?? ZERO
}

function byDepth(a: string, b: string): number {
  return a.split('/').length - b.split('/').length || (a < b ? -1 : 1)
}
