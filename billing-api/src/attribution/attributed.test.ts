import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import { ZERO, add, formatFraction } from '@vouch/proto/kernel/rational.ts'
import { attribute } from './attribute.ts'
import type { World } from './attribute.ts'
import { attributedTo, unattributed } from './attributed.ts'
import { historyOf } from './attributes.ts'
import { shareOfAccount } from './cost-centre.ts'
import { draftRuleSet } from './draft.ts'
import type { Holding, Holdings } from './stretches.ts'

const PERIOD = { from: 0, to: 100 }
const ACCOUNTS = ['acme', 'beta']
const RESOURCES = [
  'rack:1',
  'rack:1/host:a',
  'rack:1/host:a-1',
  'rack:1/host:a/disk:vda',
  'rack:1/host:a/disk:vdb',
  'host:b',
]

/** Each resource may have a team, given at instants; each team has its rule. */
const teams = fc.array(
  fc.tuple(fc.constantFrom(...RESOURCES), fc.nat(99), fc.constantFrom('web', 'db', 'none')),
  { maxLength: 8 },
)
const holdings = fc.array(
  fc.tuple(
    fc.constantFrom(...RESOURCES),
    fc.nat(99),
    fc.integer({ min: 1, max: 60 }),
    fc.constantFrom(...ACCOUNTS),
  ),
  { maxLength: 3 },
)

const RULES = unwrap(
  draftRuleSet(
    {
      effectiveFrom: '1970-01-01T00:00:00.005Z',
      rules: [
        {
          id: 'web',
          priority: 1,
          when: { attributes: { team: 'web' } },
          to: [{ account: 'acme', percent: '100' }],
        },
        {
          id: 'db',
          priority: 2,
          when: { attributes: { team: 'db' } },
          to: [
            { account: 'acme', costCentre: 'x', percent: '12.5' },
            { account: 'acme', costCentre: 'y', percent: '12.5' },
            { account: 'beta', percent: '75' },
          ],
        },
      ],
    },
    { version: 1 },
  ),
)

function worldOf(list: readonly (readonly [string, number, string])[]): World {
  const sets = [...Map.groupBy(list, ([resource]) => resource)].flatMap(([resource, own]) => {
    const steps = [...new Map(own.map(([, from, team]) => [from, team]))].toSorted(([a], [b]) => a - b)
    return steps.map(([from, team], index) => ({
      resource,
      attributes: { team },
      period: { from, to: steps[index + 1]?.[0] },
    }))
  })
  return { ruleSets: [RULES], attributes: historyOf(sets) }
}

/** The first of those that get into each other's way stays. */
function holdingsOf(list: readonly (readonly [string, number, number, string])[]): Holdings {
  const kept: Holding[] = []
  list.forEach(([resource, from, length, account], index) => {
    const clash = kept.some(
      (other) => isSameOrDescendant(resource, other.resource) || isSameOrDescendant(other.resource, resource),
    )
    if (!clash) kept.push({ id: `${index}`, account, resource, period: { from, to: from + length } })
  })
  return Map.groupBy(kept, ({ resource }) => resource)
}

const isHeld = (held: Holdings, resource: string, at: number) =>
  [...held.values()]
    .flat()
    .some((one) => isSameOrDescendant(resource, one.resource) && one.period.from <= at && at < one.period.to!)

describe('attributedTo', () => {
  it('gives each resource that measured, at each instant, by what covers it, exactly the share that the rules say', () => {
    fc.assert(
      fc.property(teams, holdings, fc.subarray(RESOURCES), fc.nat(99), (list, assigned, measured, at) => {
        const [world, held] = [worldOf(list), holdingsOf(assigned)]
        for (const account of ACCOUNTS) {
          const given = attributedTo(world, account, PERIOD, measured, held).filter(({ period }) =>
            contains(period, at),
          )
          for (const resource of measured) {
            const covering = given.filter((one) =>
              one.below ? isSameOrDescendant(resource, one.resource) : resource === one.resource,
            )
            const [decision] = attribute(world, resource, { from: at, to: at + 1 })
            const share = isHeld(held, resource, at) ? ZERO : shareOfAccount(decision!.shares, account)
            expect(covering.map((one) => formatFraction(one.share))).toEqual(
              share === ZERO || share.n === 0n ? [] : [formatFraction(share)],
            )
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('with assignments and what is unattributed makes up the whole, at each instant', () => {
    fc.assert(
      fc.property(
        teams,
        holdings,
        fc.constantFrom(...RESOURCES),
        fc.nat(99),
        (list, assigned, resource, at) => {
          const [world, held] = [worldOf(list), holdingsOf(assigned)]
          const given = ACCOUNTS.flatMap((account) => attributedTo(world, account, PERIOD, [resource], held))
          const sum = given
            .filter(({ period }) => contains(period, at))
            .reduce((total, { share }) => add(total, share), ZERO)
          const lacking =
            unattributed(world, resource, PERIOD, held)?.periods.filter((period) => contains(period, at))
              .length ?? 0
          const whole = Number(isHeld(held, resource, at)) + lacking + Number(formatFraction(sum))
          expect(whole).toBe(1)
        },
      ),
    )
  })

  it('takes what lies below along where it is alike, and leaves it out where it is not', () => {
    const world = worldOf([
      ['rack:1/host:a', 0, 'web'],
      ['rack:1/host:a/disk:vdb', 50, 'none'],
    ])
    const measured = ['rack:1/host:a', 'rack:1/host:a/disk:vda', 'rack:1/host:a/disk:vdb']
    const given = attributedTo(world, 'acme', PERIOD, measured, new Map())
    expect(given.map(({ resource, period: { from, to }, below }) => [resource, from, to, below])).toEqual([
      ['rack:1/host:a', 5, 50, true],
      ['rack:1/host:a', 50, 100, false],
      ['rack:1/host:a/disk:vda', 50, 100, true],
    ])
  })
})

describe('unattributed', () => {
  it('gives stretches that do not touch, and nothing where all is covered', () => {
    const world = worldOf([
      ['host:b', 10, 'web'],
      ['host:b', 20, 'none'],
      ['host:b', 30, 'other'],
    ])
    expect(unattributed(world, 'host:b', PERIOD, new Map())?.periods).toEqual([
      { from: 0, to: 10 },
      { from: 20, to: 100 },
    ])
    const held = holdingsOf([
      ['host:b', 15, 85, 'beta'],
      ['rack:1', 0, 100, 'beta'],
    ])
    expect(unattributed(world, 'host:b', PERIOD, held)?.periods).toEqual([{ from: 0, to: 10 }])
    expect(unattributed(world, 'host:b', { from: 10, to: 100 }, held)).toBeUndefined()
    expect(unattributed(world, 'rack:1/host:a', PERIOD, held)).toBeUndefined()
  })
})
