import { expect, test } from 'vitest'
import { ask, document, faultsOf } from '../testing/quotes.ts'

test.each<[string, object, readonly string[]]>([
  [
    'a termination fee of nothing and of two things',
    document([
      { kind: 'fee', id: 'f', amount: '1' },
      { kind: 'termination', id: 't' },
      { kind: 'termination', id: 'u', amount: '1', percent: '101' },
    ]),
    ['/rules/1 TARIFF_INVALID', '/rules/2 TARIFF_INVALID', '/rules/2/percent TARIFF_INVALID'],
  ],
  [
    'a termination fee of what is no fee, or of none',
    document([
      { kind: 'termination', id: 't', percent: '50' },
      { kind: 'minimum', id: 'm', amount: '1' },
      { kind: 'termination', id: 'u', percent: '50', of: ['m', 'x'] },
      { kind: 'termination', id: 'v', amount: '1', of: ['m'] },
    ]),
    [
      '/rules/0/percent TARIFF_INVALID',
      '/rules/2/of/0 TARIFF_INVALID',
      '/rules/2/of/1 TARIFF_INVALID',
      '/rules/3/of TARIFF_INVALID',
      '/rules/3/of/0 TARIFF_INVALID',
    ],
  ],
  [
    'steps of a termination fee that do not ascend from month 0',
    document([
      {
        kind: 'termination',
        id: 't',
        steps: [
          { months: 1, amount: '2' },
          { months: 1, amount: '1' },
        ],
      },
    ]),
    ['/rules/0/steps/0/months TARIFF_INVALID', '/rules/0/steps/1/months TARIFF_INVALID'],
  ],
  [
    'a term that is not cut short',
    document([{ kind: 'termination', id: 't', amount: '1' }], {
      term: { from: '2026-03-02T00:00:00Z', to: '2026-03-03T00:00:00Z' },
    }),
    ['/term/from TARIFF_INVALID', '/term/to TARIFF_INVALID'],
  ],
])('%s', (_, given, expected) => {
  expect(faultsOf(given).toSorted()).toEqual(expected.toSorted())
})

test('a fee that is named twice remains once', () => {
  const rules = (of: string[]): object[] => [
    { kind: 'fee', id: 'base', amount: '100' },
    { kind: 'termination', id: 'early', percent: '100', of },
  ]
  const term = { from: '2026-03-01T00:00:00Z', to: '2026-07-01T00:00:00Z' }
  const total = (of: string[]) => ask({ rules: rules(of), term }).total
  expect([total(['base']), total(['base', 'base'])]).toEqual(['400.00', '400.00'])
})
