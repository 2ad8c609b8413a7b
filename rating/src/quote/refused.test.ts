import { expect, test } from 'vitest'
import { MARCH, per, use } from '../testing/quotes.ts'
import { quote } from './quote.ts'

const matrix = (...rows: object[]): object =>
  use({ model: 'matrix', rows: rows.map((when) => ({ when, price: per('1') })) })
const wallet = (from: string, expires: string): object => ({
  kind: 'credit',
  id: 'wallet',
  grants: [{ id: 'g', amount: '1', from, expires }],
})

test.each<[string, object, string[]]>([
  [
    'a row that another one takes whole',
    matrix({ class: 'gold' }, { class: 'gold', region: 'eu' }),
    ['/rules/0/price/rows/1/when'],
  ],
  ['the same row twice', matrix({ a: '1', b: '1' }, { b: '1', a: '1' }), ['/rules/0/price/rows/1/when']],
  [
    'rows behind one for all',
    matrix({}, { a: '1' }, {}),
    ['/rules/0/price/rows/1/when', '/rules/0/price/rows/2/when'],
  ],
  ['nothing of rows that are narrower first', matrix({ a: '1', b: '1' }, { a: '1' }, { b: '1' }), []],
  [
    'a grant that expires before it begins',
    wallet('2026-03-02T00:00:00Z', '2026-03-01T00:00:00Z'),
    ['/rules/0/grants/0/expires'],
  ],
  ['nothing of a grant of a day', wallet('2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z'), []],
])('a quote refuses %s', (_, rule, pointers) => {
  const answer = quote(JSON.stringify({ currency: 'EUR', period: MARCH, rules: [rule] }))
  expect(answer.ok ? [] : answer.fault.causes?.map(({ pointer }) => pointer)).toEqual(pointers)
})
