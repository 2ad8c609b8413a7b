import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { contains } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ONE, ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { attribute, explain } from './attribute.ts'
import type { World } from './attribute.ts'
import { historyOf } from './attributes.ts'
import type { AttributeSet } from './attributes.ts'
import { draftRuleSet } from './draft.ts'
import type { RuleRequest } from './draft.ts'
import type { RuleSet } from './rule-set.ts'

const RESOURCES = ['host:a', 'host:a/disk:vda', 'host:a/disk:vda/part:1', 'host:ab', 'rack:1/host:c']
const HORIZON_MS = 1000

const periods = fc
  .tuple(fc.nat(HORIZON_MS - 1), fc.integer({ min: 1, max: HORIZON_MS }))
  .map(([from, length]): Period => ({ from, to: from + length }))

const values = fc.constantFrom('x', 'y', 'z')
const attributesOf = (...names: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...names), values, { maxKeys: names.length })

/** Sets of one resource side by side, with holes, the last perhaps without end. */
function setsOf(resource: string, ...names: readonly string[]): fc.Arbitrary<AttributeSet[]> {
  const step = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 400 }), attributesOf(...names))
  return fc.tuple(fc.array(step, { maxLength: 4 }), fc.boolean()).map(([steps, open]) => {
    let at = 0
    return steps.map(([hole, length, attributes], index): AttributeSet => {
      const from = at + hole
      at = from + length
      return {
        resource,
        attributes,
        period: { from, to: open && index === steps.length - 1 ? undefined : at },
      }
    })
  })
}

const histories = fc
  .tuple(...RESOURCES.map((resource) => setsOf(resource, 'env', 'team')), setsOf('rack:1', 'env'))
  .map((all) => all.flat())

const splits = fc.constantFrom(
  [{ account: 'acme', percent: '100' }],
  [
    { account: 'acme', costCentre: 'web', percent: '33.3' },
    { account: 'acme', percent: '0.000000000001' },
    { account: 'beta', percent: '66.699999999999' },
  ],
)
const conditions = fc.record(
  {
    resource: fc.constantFrom(...RESOURCES, ...RESOURCES.map((resource) => `${resource}/*`), 'rack:1/*'),
    attributes: fc.dictionary(
      fc.constantFrom('env', 'team'),
      fc.oneof(values, fc.uniqueArray(values, { minLength: 1 })),
    ),
  },
  { requiredKeys: [] },
)
/** Rules that can all match, each with a priority of its own. */
const ruleLists = fc
  .array(fc.record({ when: conditions, to: splits }), { maxLength: 6 })
  .map((list) => list.map((rule, index): RuleRequest => ({ id: `r${index}`, priority: index, ...rule })))
  .filter((rules) => draftRuleSet(request(rules), { version: 1 }).ok)

function request(rules: readonly RuleRequest[], fallback = false) {
  const bucket = fallback ? { default: { account: 'rest', costCentre: 'misc' } } : {}
  return { effectiveFrom: '1970-01-01T00:00:00Z', rules, ...bucket }
}

interface Drafted {
  readonly rules: readonly RuleRequest[]
  readonly from: number
  readonly fallback: boolean
}

const drafts = fc.uniqueArray(
  fc.record({ rules: ruleLists, from: fc.nat(HORIZON_MS), fallback: fc.boolean() }),
  { maxLength: 3, selector: ({ from }) => from },
)

function ruleSetsOf(list: readonly Drafted[]): RuleSet[] {
  return list
    .map(({ rules, from, fallback }, index) => {
      const set = unwrap(draftRuleSet(request(rules, fallback), { version: index + 1 }))
      return { ...set, effectiveFrom: from }
    })
    .toSorted((a, b) => a.effectiveFrom - b.effectiveFrom)
}

const worldOf = (list: readonly Drafted[], sets: readonly AttributeSet[]): World => ({
  ruleSets: ruleSetsOf(list),
  attributes: historyOf(sets),
})

/** As slow and plain as can be: who bears a resource at one millisecond. */
function slowly(list: readonly Drafted[], sets: readonly AttributeSet[], resource: string, at: number) {
  const inForce = list.filter(({ from }) => from <= at).toSorted((a, b) => b.from - a.from)[0]
  if (inForce === undefined) return { by: 'nobody', rule: undefined }
  const segments = resource.split('/')
  const seen: Record<string, string> = {}
  for (let depth = 1; depth <= segments.length; depth += 1) {
    const path = segments.slice(0, depth).join('/')
    const own = sets.find(
      (set) => set.resource === path && set.period.from <= at && at < (set.period.to ?? Infinity),
    )
    Object.assign(seen, own?.attributes)
  }
  const matches = ({ when }: RuleRequest) => {
    const place = when.resource ?? resource
    const here = place.endsWith('/*') ? `${resource}/`.startsWith(place.slice(0, -1)) : place === resource
    const entries = Object.entries(when.attributes ?? {})
    return here && entries.every(([name, wanted]) => [wanted].flat().includes(seen[name] ?? '?'))
  }
  const rule = inForce.rules.toSorted((a, b) => a.priority - b.priority).find(matches)
  if (rule !== undefined) return { by: 'rule', rule: rule.id }
  return { by: inForce.fallback ? 'default' : 'nobody', rule: undefined }
}

const resources = fc.constantFrom(...RESOURCES)

describe('attribute', () => {
  it('decides each millisecond as one would by hand', () => {
    fc.assert(
      fc.property(
        drafts,
        histories,
        resources,
        periods,
        fc.nat(2 * HORIZON_MS),
        (list, sets, resource, span, at) => {
          const found = attribute(worldOf(list, sets), resource, span).filter(({ period }) =>
            contains(period, at),
          )
          const expected = contains(span, at) ? [slowly(list, sets, resource, at)] : []
          expect(found.map(({ by, rule }) => ({ by, rule }))).toEqual(expected)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('gives pieces that are the period, no two neighbours alike, with shares that are the whole', () => {
    fc.assert(
      fc.property(drafts, histories, resources, periods, (list, sets, resource, span) => {
        const pieces = attribute(worldOf(list, sets), resource, span)
        expect(pieces[0]!.period.from).toBe(span.from)
        expect(pieces.at(-1)!.period.to).toBe(span.to)
        pieces.forEach(({ period, by, shares }, index) => {
          expect(period.to).toBeGreaterThan(period.from)
          const sum = shares.reduce((total, { share }) => add(total, share), ZERO)
          expect(sum).toEqual(by === 'nobody' ? ZERO : ONE)
          const next = pieces[index + 1]
          if (next === undefined) return
          expect(next.period.from).toBe(period.to)
          expect({ ...next, period }).not.toEqual(pieces[index])
        })
      }),
    )
  })

  it('is the same for parts of a period as for the whole', () => {
    fc.assert(
      fc.property(
        drafts,
        histories,
        resources,
        periods,
        fc.nat(HORIZON_MS),
        (list, sets, resource, span, cut) => {
          fc.pre(cut > span.from && cut < span.to)
          const world = worldOf(list, sets)
          const parts = [
            ...attribute(world, resource, { from: span.from, to: cut }),
            ...attribute(world, resource, { from: cut, to: span.to }),
          ]
          const whole = attribute(world, resource, span)
          const at = (all: typeof whole, ms: number) => {
            const { period: _, ...decision } = all.find(({ period }) => contains(period, ms))!
            return decision
          }
          for (const ms of [span.from, cut - 1, cut, span.to - 1])
            expect(at(parts, ms)).toEqual(at(whole, ms))
        },
      ),
    )
  })

  it('does not depend on the order in which rules, rule sets and attributes come', () => {
    const shuffled = fc.array(fc.nat(), { minLength: 20, maxLength: 20 })
    const shuffle = <T>(list: readonly T[], keys: readonly number[]) =>
      list
        .map((value, index) => ({ value, key: keys[index % keys.length]! }))
        .toSorted((a, b) => a.key - b.key)
        .map(({ value }) => value)
    fc.assert(
      fc.property(drafts, histories, resources, periods, shuffled, (list, sets, resource, span, keys) => {
        const mixed = list.map((one) => ({ ...one, rules: shuffle(one.rules, keys) }))
        expect(attribute(worldOf(mixed, shuffle(sets, keys)), resource, span)).toEqual(
          attribute(worldOf(list, sets), resource, span),
        )
      }),
    )
  })

  it('does not change by attributes that no rule asks for, however often they change', () => {
    fc.assert(
      fc.property(drafts, histories, resources, periods, fc.nat(200), (list, sets, resource, span, after) => {
        const painted = sets.flatMap((set): AttributeSet[] => {
          const at = set.period.from + 1 + after
          const [red, blue] = ['red', 'blue'].map((colour) => ({ ...set.attributes, colour }))
          if (at >= (set.period.to ?? Infinity)) return [{ ...set, attributes: red! }]
          return [
            { ...set, attributes: red!, period: { from: set.period.from, to: at } },
            { ...set, attributes: blue!, period: { from: at, to: set.period.to } },
          ]
        })
        expect(attribute(worldOf(list, painted), resource, span)).toEqual(
          attribute(worldOf(list, sets), resource, span),
        )
      }),
    )
  })

  it('is one piece where a change changes nothing, and cut to the millisecond where it does', () => {
    const set = (from: number, to: number | undefined, team: string) => ({
      resource: 'host:a',
      attributes: { team },
      period: { from, to },
    })
    const list = [
      {
        rules: [
          {
            id: 'web',
            priority: 1,
            when: { attributes: { team: 'web' } },
            to: [{ account: 'acme', percent: '100' }],
          },
        ],
        from: 0,
        fallback: false,
      },
    ]
    const sets = [set(10, 20, 'web'), set(20, 30, 'web'), set(30, 40, 'db'), set(40, undefined, 'ops')]
    const pieces = attribute(worldOf(list, sets), 'host:a/disk:vda', { from: 5, to: 50 })
    expect(pieces.map(({ period: { from, to }, by, rule, why }) => [from, to, by, rule, why])).toEqual([
      [5, 10, 'nobody', undefined, []],
      [10, 30, 'rule', 'web', [{ name: 'team', value: 'web', from: 'host:a' }]],
      [30, 50, 'nobody', undefined, []],
    ])
  })
})

describe('explain', () => {
  it('decides as attribute does, and names each rule before with a condition that truly fails', () => {
    fc.assert(
      fc.property(drafts, histories, resources, fc.nat(HORIZON_MS), (list, sets, resource, at) => {
        const world = worldOf(list, sets)
        const { attributes, rejected, ...decision } = explain(world, resource, at)
        const { period: _, ...piece } = attribute(world, resource, { from: at, to: at + 1 })[0]!
        expect(decision).toEqual(piece)
        const rules = world.ruleSets.findLast(({ effectiveFrom }) => effectiveFrom <= at)?.rules ?? []
        const place =
          decision.rule === undefined ? rules.length : rules.findIndex(({ id }) => id === decision.rule)
        expect(rejected.map(({ rule }) => rule)).toEqual(rules.slice(0, place).map(({ id }) => id))
        for (const { unmet } of rejected) {
          const met =
            unmet.attribute === undefined
              ? resource
              : attributes.find(({ name }) => name === unmet.attribute)?.value
          expect(unmet.met).toBe(met)
          expect(unmet.wanted).not.toContain(met)
        }
      }),
    )
  })

  it('says which path an attribute comes from; the nearest counts', () => {
    const sets = [
      { resource: 'host:a', attributes: { env: 'live', team: 'web' }, period: { from: 0, to: undefined } },
      { resource: 'host:a/disk:vda', attributes: { env: 'test' }, period: { from: 10, to: 20 } },
    ]
    const seen = (at: number) => explain(worldOf([], sets), 'host:a/disk:vda/part:1', at).attributes
    expect(seen(9).map(({ name, value, from }) => `${name}=${value} ${from}`)).toEqual([
      'env=live host:a',
      'team=web host:a',
    ])
    expect(seen(10).map(({ name, value, from }) => `${name}=${value} ${from}`)).toEqual([
      'env=test host:a/disk:vda',
      'team=web host:a',
    ])
    expect(seen(20)).toEqual(seen(9))
  })
})
