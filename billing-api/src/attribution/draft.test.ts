import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { canonicalJson } from '@vouch/proto/kernel/json.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { draftRuleSet, requestOf } from './draft.ts'
import type { RuleRequest, RuleSetRequest } from './draft.ts'

const effectiveFrom = '2026-01-01T00:00:00Z'
const accounts = new Set(['acme', 'beta'])
const whole = [{ account: 'acme', percent: '100' }]
const rule = (id: string, extra: Partial<RuleRequest> = {}): RuleRequest => ({
  id,
  priority: 10,
  when: { resource: `host:${id}/*` },
  to: whole,
  ...extra,
})
const setOf = (...rules: readonly RuleRequest[]): RuleSetRequest => ({ effectiveFrom, rules })

/** Code and pointer of every fault. */
function faultsOf(request: RuleSetRequest, base = ''): string[] {
  const result = draftRuleSet(request, { version: 1, accounts, base })
  if (result.ok) return []
  return (result.fault.causes ?? [result.fault]).map(({ code, pointer }) => `${code} ${pointer}`)
}

describe('draftRuleSet', () => {
  it.each<[string, RuleSetRequest, readonly string[]]>([
    ['an instant that is none', { ...setOf(), effectiveFrom: 'now' }, ['INSTANT_INVALID /effectiveFrom']],
    [
      'percentages below 100',
      setOf(rule('a', { to: [{ account: 'acme', percent: '99.999999999999' }] })),
      ['ATTRIBUTION_INVALID /rules/0/to'],
    ],
    [
      'percentages above 100',
      setOf(rule('a', { to: [...whole, { account: 'beta', percent: '0.000000000001' }] })),
      ['ATTRIBUTION_INVALID /rules/0/to'],
    ],
    ['no part at all', setOf(rule('a', { to: [] })), ['ATTRIBUTION_INVALID /rules/0/to']],
    [
      'a percentage of zero, and one above 100',
      setOf(
        rule('a', {
          to: [
            { account: 'acme', percent: '0' },
            { account: 'beta', percent: '100.1' },
          ],
        }),
      ),
      ['OUT_OF_RANGE /rules/0/to/0/percent', 'OUT_OF_RANGE /rules/0/to/1/percent'],
    ],
    [
      'a percentage that is no decimal',
      setOf(rule('a', { to: [{ account: 'acme', percent: '1e2' }] })),
      ['DECIMAL_INVALID /rules/0/to/0/percent'],
    ],
    [
      'an account and cost centre twice',
      setOf(
        rule('a', {
          to: [
            { account: 'acme', costCentre: 'x', percent: '50' },
            { account: 'acme', costCentre: 'x', percent: '50' },
          ],
        }),
      ),
      ['ATTRIBUTION_INVALID /rules/0/to/1'],
    ],
    [
      'unknown accounts, the default too',
      { ...setOf(rule('a', { to: [{ account: 'x', percent: '100' }] })), default: { account: 'y' } },
      ['NOT_FOUND /rules/0/to/0/account', 'NOT_FOUND /default/account'],
    ],
    [
      'an id twice',
      setOf(rule('a'), rule('a', { when: { resource: 'host:b' } })),
      ['ATTRIBUTION_INVALID /rules/1/id'],
    ],
    [
      'a resource that is none',
      setOf(rule('a', { when: { resource: 'host:*' } }), rule('b', { when: { resource: '/*' } })),
      ['FIELD_INVALID /rules/0/when/resource', 'FIELD_INVALID /rules/1/when/resource'],
    ],
    [
      'a rule behind another one with the same condition',
      setOf(rule('b', { when: { resource: 'host:a' } }), rule('a', { when: { resource: 'host:a' } })),
      ['ATTRIBUTION_INVALID /rules/0/when'],
    ],
    [
      'a rule behind a wider one',
      setOf(
        rule('wide', { priority: 1, when: { resource: 'host:a/*', attributes: { env: ['live', 'test'] } } }),
        rule('narrow', {
          when: { resource: 'host:a/disk:vda', attributes: { env: 'test', team: 'web' } },
        }),
      ),
      ['ATTRIBUTION_INVALID /rules/1/when'],
    ],
    [
      'everything at once',
      {
        effectiveFrom: '2026',
        rules: [
          rule('a', { to: [{ account: 'x', percent: '90' }] }),
          rule('a', { when: {}, to: [{ account: 'acme', percent: '.5' }] }),
        ],
        default: { account: 'nobody' },
      },
      [
        'INSTANT_INVALID /effectiveFrom',
        'ATTRIBUTION_INVALID /rules/0/to',
        'DECIMAL_INVALID /rules/1/to/0/percent',
        'ATTRIBUTION_INVALID /rules/1/id',
        'NOT_FOUND /rules/0/to/0/account',
        'NOT_FOUND /default/account',
      ],
    ],
  ])('refuses %s', (_what, request, faults) => {
    expect(faultsOf(request)).toEqual(faults)
    expect(faultsOf(request, '/ruleSet')).toEqual(faults.map((fault) => fault.replace(' ', ' /ruleSet')))
  })

  it.each<[string, RuleSetRequest]>([
    ['no rule', setOf()],
    ['the narrow one first', setOf(rule('a', { when: { resource: 'host:a' } }), rule('b', { when: {} }))],
    [
      'a path, then all below it',
      setOf(rule('a', { when: { resource: 'host:a' } }), rule('b', { when: { resource: 'host:a/*' } })),
    ],
    [
      'values that overlap',
      setOf(
        rule('a', { when: { attributes: { env: ['live', 'test'] } } }),
        rule('b', { when: { attributes: { env: ['test', 'stage'] } } }),
      ),
    ],
    [
      'another attribute',
      setOf(
        rule('a', { when: { attributes: { env: 'live' } } }),
        rule('b', { when: { attributes: { team: 'web' } } }),
      ),
    ],
    [
      'one account with two cost centres and none',
      setOf(
        rule('a', {
          to: [
            { account: 'acme', percent: '33.3' },
            { account: 'acme', costCentre: 'x', percent: '33.3' },
            { account: 'acme', costCentre: 'y', percent: '33.4' },
          ],
        }),
      ),
    ],
  ])('takes %s', (_what, request) => {
    expect(faultsOf(request)).toEqual([])
  })

  it('asks by priority, then id, whatever the order of the document, and says the same when it is read again', () => {
    const request = setOf(
      rule('z', { priority: 1, when: { attributes: { env: ['test', 'live', 'test'], app: 'x' } } }),
      rule('b', { to: [{ account: 'acme', costCentre: 'x', percent: '100.00' }] }),
      rule('a'),
    )
    const set = unwrap(draftRuleSet({ ...request, default: { account: 'beta' } }, { version: 3, accounts }))
    expect(set.rules.map(({ id }) => id)).toEqual(['z', 'a', 'b'])
    const again = { effectiveFrom, ...requestOf(set) }
    expect(again.rules[0]!.when).toEqual({ attributes: { app: 'x', env: ['live', 'test'] } })
    expect(again.rules[2]!.to).toEqual([{ account: 'acme', costCentre: 'x', percent: '100' }])
    expect(unwrap(draftRuleSet(again, { version: 3 }))).toEqual(set)
    const reversed = { ...request, rules: request.rules.toReversed(), default: { account: 'beta' } }
    const other = requestOf(unwrap(draftRuleSet(reversed, { version: 4 })))
    expect(canonicalJson(other as unknown as JsonValue)).toBe(
      canonicalJson(requestOf(set) as unknown as JsonValue),
    )
  })
})
