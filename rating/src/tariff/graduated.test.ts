import { describe, expect, test } from 'vitest'
import { type Row, exact, huge, named, tiersOf } from '../testing/rules.ts'
import { graduated } from './graduated.ts'
import { exactText } from './trace.ts'

type Case = readonly [quantity: string, inclusive: string, exclusive: string]

/** Flat amounts, then prices; published examples. */
const FLATS: Row[] = [
  ['5', '0', '100'],
  ['10', '0', '50'],
  ['15', '5'],
  ['', '1'],
]
const DEARER: Row[] = [
  ['5', '0', '100'],
  ['10', '0', '50'],
  ['15', '10'],
  ['', '5'],
]
const BOTH: Row[] = [
  ['10', '10', '2'],
  ['20', '5', '3'],
  ['', '5', '3'],
]
const PERCENT: Row[] = [
  ['10', '0', '200', '1'],
  ['20', '0', '300', '2'],
  ['', '0', '400', '3'],
]
const FREE_FIRST: Row[] = [
  ['50', '0'],
  ['100', '0.01'],
  ['200', '0.05'],
  ['', '0.10'],
]
const FRACTIONS: Row[] = [
  ['0.1', '10'],
  ['1', '5'],
  ['', '2'],
]
const THIRD: Row[] = [
  ['1/3', '3'],
  ['', '6'],
]
const ONE: Row[] = [['', '3', '7']]

describe.each<[string, Row[], Case[]]>([
  [
    'flat amounts, then prices',
    FLATS,
    [
      ['0', '100', '100'],
      ['4.999', '100', '100'],
      ['5', '100', '150'],
      ['5.001', '150', '150'],
      ['9.999', '150', '150'],
      ['10', '150', '150'],
      ['10.001', '150.005', '150.005'],
      ['12', '160', '160'],
      ['15', '175', '175'],
      ['15.001', '175.001', '175.001'],
      ['22', '182', '182'],
    ],
  ],
  [
    'the same, dearer',
    DEARER,
    [
      ['0', '100', '100'],
      ['5.001', '150', '150'],
      ['12', '170', '170'],
      ['22', '235', '235'],
    ],
  ],
  [
    'prices and flat amounts',
    BOTH,
    [
      ['0', '2', '2'],
      ['1', '12', '12'],
      ['9.999', '101.99', '101.99'],
      ['10', '102', '105'],
      ['10.001', '105.005', '105.005'],
      ['10.5', '107.5', '107.5'],
      ['11', '110', '110'],
      ['12', '115', '115'],
      ['20', '155', '158'],
      ['20.001', '158.005', '158.005'],
      ['21', '163', '163'],
      ['1/3', '16/3', '16/3'],
      ['31/3', '320/3', '320/3'],
      [huge(30), `5${'58'.padStart(30, '0')}`, `5${'58'.padStart(30, '0')}`],
      [huge(30, '1'), `5${'63'.padStart(30, '0')}`, `5${'63'.padStart(30, '0')}`],
    ],
  ],
  [
    'per cent and flat amounts',
    PERCENT,
    [
      ['0', '200', '200'],
      ['1', '200.01', '200.01'],
      ['10', '200.1', '500.1'],
      ['10.001', '500.10002', '500.10002'],
      ['11', '500.12', '500.12'],
      ['20', '500.3', '900.3'],
      ['21', '900.33', '900.33'],
      ['1/3', '60001/300', '60001/300'],
    ],
  ],
  ['a unit price and per cent are added', [['', '2', '0', '10']], [['5', '10.5', '10.5']]],
  [
    'a first tier that is free',
    FREE_FIRST,
    [
      ['0', '0', '0'],
      ['50', '0', '0'],
      ['50.5', '0.005', '0.005'],
      ['100', '0.5', '0.5'],
      ['200', '5.5', '5.5'],
      ['201', '5.6', '5.6'],
    ],
  ],
  [
    'edges that are fractions',
    FRACTIONS,
    [
      ['0.05', '0.5', '0.5'],
      ['0.1', '1', '1'],
      ['0.5', '3', '3'],
      ['1', '5.5', '5.5'],
      ['1.5', '6.5', '6.5'],
    ],
  ],
  [
    'an edge that is no decimal',
    THIRD,
    [
      ['0.333', '0.999', '0.999'],
      ['1/3', '1', '1'],
      ['0.334', '1.004', '1.004'],
      ['2/3', '3', '3'],
    ],
  ],
  [
    'one tier only',
    ONE,
    [
      ['0', '7', '7'],
      ['1/3', '8', '8'],
      ['2', '13', '13'],
    ],
  ],
])('%s', (_, rows, cases) => {
  test.each(cases)('%s', (quantity, inclusive, exclusive) => {
    const priced = (['inclusive', 'exclusive'] as const).map((edge) =>
      exactText(graduated(tiersOf(rows), exact(quantity), edge).amount),
    )
    expect(priced).toEqual([inclusive, exclusive])
  })
})

test('every tier that is entered is a step', () => {
  const steps = (quantity: string, edge: 'inclusive' | 'exclusive'): string[] =>
    named(graduated(tiersOf(BOTH), exact(quantity), edge).trace)
  expect(steps('0', 'inclusive')).toEqual(['graduated tier 0 to 10 inclusive'])
  expect(steps('10', 'inclusive')).toEqual(['graduated tier 0 to 10 inclusive'])
  expect(steps('10', 'exclusive')).toEqual([
    'graduated tier 0 to 10 exclusive',
    'graduated tier 10 to 20 exclusive',
  ])
  expect(graduated(tiersOf(PERCENT), exact('21'), 'inclusive').trace).toEqual([
    { rule: 'graduated tier 0 to 10 inclusive', input: '10 × 0.01 + 200', output: '200.1' },
    { rule: 'graduated tier 10 to 20 inclusive', input: '10 × 0.02 + 300', output: '300.2' },
    { rule: 'graduated tier above 20 inclusive', input: '1 × 0.03 + 400', output: '400.03' },
  ])
})
