import { describe, expect, test } from 'vitest'
import { type Row, exact, huge, tiersOf } from '../testing/rules.ts'
import { exactText } from './trace.ts'
import { volume } from './volume.ts'

type Case = readonly [quantity: string, inclusive: string, exclusive: string]

/** Calls; a published example. */
const CALLS: Row[] = [
  ['10000', '0.001'],
  ['50000', '0.0008'],
  ['100000', '0.0006', '10'],
  ['', '0.0004'],
]
const FLATS: Row[] = [
  ['100', '2', '10'],
  ['200', '1', '10'],
  ['', '0.5', '50'],
]
const FREE_FIRST: Row[] = [
  ['50', '0'],
  ['100', '0.01'],
  ['200', '0.05'],
  ['', '0.10'],
]
const THIRD: Row[] = [
  ['1/3', '3'],
  ['', '6'],
]
const ONE: Row[] = [['', '3', '7']]

describe.each<[string, Row[], Case[]]>([
  [
    'calls',
    CALLS,
    [
      ['0', '0', '0'],
      ['9999', '9.999', '9.999'],
      ['10000', '10', '8'],
      ['10000.5', '8.0004', '8.0004'],
      ['50000', '40', '40'],
      ['65000', '49', '49'],
      ['99999.999', '69.9999994', '69.9999994'],
      ['100000', '70', '40'],
      ['100001', '40.0004', '40.0004'],
      [huge(30), `4${'0'.repeat(26)}`, `4${'0'.repeat(26)}`],
      [huge(30, '1'), `4${'0'.repeat(26)}.0004`, `4${'0'.repeat(26)}.0004`],
    ],
  ],
  [
    'the flat amount of the one tier',
    FLATS,
    [
      ['0', '10', '10'],
      ['1/3', '32/3', '32/3'],
      ['99.999', '209.998', '209.998'],
      ['100', '210', '110'],
      ['100.001', '110.001', '110.001'],
      ['150', '160', '160'],
      ['200', '210', '150'],
      ['301/3', '331/3', '331/3'],
      ['300', '200', '200'],
    ],
  ],
  [
    'a first tier that is free',
    FREE_FIRST,
    [
      ['50', '0', '0.5'],
      ['50.001', '0.50001', '0.50001'],
      ['200', '10', '20'],
    ],
  ],
  [
    'an edge that is no decimal',
    THIRD,
    [
      ['0.333', '0.999', '0.999'],
      ['1/3', '1', '2'],
      ['0.334', '2.004', '2.004'],
    ],
  ],
  [
    'one tier only',
    ONE,
    [
      ['0', '7', '7'],
      ['1/3', '8', '8'],
    ],
  ],
])('%s', (_, rows, cases) => {
  test.each(cases)('%s', (quantity, inclusive, exclusive) => {
    const priced = (['inclusive', 'exclusive'] as const).map((edge) =>
      exactText(volume(tiersOf(rows), exact(quantity), edge, undefined).amount),
    )
    expect(priced).toEqual([inclusive, exclusive])
  })
})

test.each<[quantity: string, chosenBy: string, inclusive: string, exclusive: string]>([
  ['198.6', '300', '149.3', '149.3'],
  ['198.6', '0', '407.2', '407.2'],
  ['198.6', '100', '407.2', '208.6'],
  ['198.6', '100.001', '208.6', '208.6'],
  ['0', '300', '50', '50'],
  ['1/3', '200', '31/3', '301/6'],
])('%s in the tier of %s', (quantity, chosenBy, inclusive, exclusive) => {
  const priced = (['inclusive', 'exclusive'] as const).map((edge) =>
    exactText(volume(tiersOf(FLATS), exact(quantity), edge, exact(chosenBy)).amount),
  )
  expect(priced).toEqual([inclusive, exclusive])
})

test('the choice of the tier is a step', () => {
  expect(volume(tiersOf(FLATS), exact('198.6'), 'exclusive', exact('200')).trace).toEqual([
    { rule: 'volume tier exclusive, chosen by another quantity', input: '200', output: 'above 200' },
    { rule: 'volume tier above 200', input: '198.6 × 0.5 + 50', output: '149.3' },
  ])
  expect(volume(tiersOf(FLATS), exact('100'), 'inclusive', undefined).trace).toEqual([
    { rule: 'volume tier inclusive', input: '100', output: '0 to 100' },
    { rule: 'volume tier 0 to 100', input: '100 × 2 + 10', output: '210' },
  ])
})
