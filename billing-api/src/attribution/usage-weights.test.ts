import { describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatFraction, rational } from '@vouch/proto/kernel/rational.ts'
import { historyOf } from './attributes.ts'
import { borneBy, namesCostCentres } from './borne.ts'
import { draftRuleSet } from './draft.ts'
import type { Holdings } from './stretches.ts'
import { looksOf, weightsOf } from './usage-weights.ts'
import type { BorneOf, Look, Weights } from './usage-weights.ts'

const RULES = unwrap(
  draftRuleSet(
    {
      effectiveFrom: '1970-01-01T00:00:00.010Z',
      rules: [
        {
          id: 'web',
          priority: 1,
          when: { attributes: { team: 'web' } },
          to: [
            { account: 'acme', costCentre: 'shop', percent: '60' },
            { account: 'acme', percent: '20' },
            { account: 'beta', costCentre: 'lab', percent: '20' },
          ],
        },
        {
          id: 'db',
          priority: 2,
          when: { attributes: { team: 'db' } },
          to: [{ account: 'acme', costCentre: 'data', percent: '100' }],
        },
        { id: 'own', priority: 3, when: { resource: 'host:own' }, to: [{ account: 'acme', percent: '100' }] },
      ],
      default: { account: 'gamma', costCentre: 'rest' },
    },
    { version: 1 },
  ),
)
const set = (resource: string, team: string, from: number, to?: number) => ({
  resource,
  attributes: { team },
  period: { from, to },
})
const WORLD = {
  ruleSets: [RULES],
  attributes: historyOf([
    set('host:a', 'web', 0, 50),
    set('host:a', 'db', 50),
    set('host:a/disk:x', 'db', 0),
    set('host:b', 'web', 0),
  ]),
}
const HOLDINGS: Holdings = new Map([
  ['host:b', [{ id: '1', account: 'acme', resource: 'host:b', period: { from: 80, to: 90 } }]],
])
const bornOf =
  (account = 'acme'): BorneOf =>
  ({ resource, period }) =>
    borneBy(WORLD, account, resource, period, HOLDINGS)
const shown = (resource: string, account = 'acme') =>
  bornOf(account)({
    resource,
    meter: '',
    period: { from: 0, to: 100 },
    quantity: rational(0n),
    even: false,
  }).map(
    ({ period, shares }) =>
      `${period.from}-${period.to} ${shares.map(({ costCentre = '-', share }) => `${costCentre} ${formatFraction(share)}`).join(', ')}`,
  )

describe('what cost centres bear of a resource', () => {
  it.each([
    ['host:a', ['0-10 - 1', '10-50 - 1/4, shop 3/4', '50-100 data 1']],
    ['host:a/disk:x', ['0-10 - 1', '10-100 data 1']],
    ['host:own', ['0-100 - 1']],
    // Assigned by hand from 80 to 90.
    ['host:b', ['0-10 - 1', '10-80 - 1/4, shop 3/4', '80-90 - 1', '90-100 - 1/4, shop 3/4']],
    ['host:nobody', ['0-100 - 1']],
  ])('%s makes up the period, and its shares 1', (resource, expected) => {
    expect(shown(resource)).toEqual(expected)
  })

  it('is that of the account alone', () => {
    expect(shown('host:b', 'beta').slice(1, 2)).toEqual(['10-80 lab 1'])
    expect(['acme', 'beta', 'gamma', 'delta'].map((account) => namesCostCentres([RULES], account))).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

describe('weights of usage', () => {
  const part = (resource: string, from: number, to: number, quantity: bigint) => ({
    resource,
    meter: 'm',
    period: { from, to },
    quantity: rational(quantity),
    even: false,
  })
  const texts = (weights: Weights) =>
    [...weights].map(([costCentre = '-', weight]) => `${costCentre} ${formatFraction(weight)}`).toSorted()
  const unasked = (look: Look): never => {
    throw new Error(`asked for ${look.resource}`)
  }

  it('go by the usage of each metered resource, and ask for no more where each is borne alike', () => {
    const parts = [part('host:b', 20, 80, 8n), part('host:a/disk:x', 20, 100, 5n)]
    expect(looksOf(parts, bornOf())).toEqual([])
    expect(texts(weightsOf(parts, bornOf(), () => rational(0n)))).toEqual(['- 2', 'data 5', 'shop 6'])
  })

  it('split what one bears after the other by what was measured then', () => {
    const parts = [part('host:a', 10, 100, 10n)]
    expect(looksOf(parts, bornOf()).map(({ resource, meter, period }) => [resource, meter, period])).toEqual([
      ['host:a', 'm', { from: 10, to: 50 }],
      ['host:a', 'm', { from: 50, to: 100 }],
    ])
    const measured = ({ period }: Look) => rational(period.from === 10 ? 4n : 1n)
    expect(texts(weightsOf(parts, bornOf(), measured))).toEqual(['- 2', 'data 2', 'shop 6'])
  })

  it('split by time where nothing was measured, and where nothing was used at all', () => {
    const nothing = () => rational(0n)
    expect(texts(weightsOf([part('host:a', 10, 90, 8n)], bornOf(), nothing))).toEqual([
      '- 1',
      'data 4',
      'shop 3',
    ])
    expect(texts(weightsOf([part('host:a', 10, 90, 0n)], bornOf(), nothing))).toEqual([
      '- 10',
      'data 40',
      'shop 30',
    ])
  })

  it('split by time what was stated or estimated, whatever was measured', () => {
    const stated = [{ ...part('host:a', 10, 90, 8n), even: true }]
    expect(looksOf(stated, bornOf())).toEqual([])
    expect(texts(weightsOf(stated, bornOf(), unasked))).toEqual(['- 1', 'data 4', 'shop 3'])
  })

  it('never ask for a part that is borne alike', () => {
    expect(() => weightsOf([part('host:b', 20, 80, 8n)], bornOf(), unasked)).not.toThrow()
  })
})
