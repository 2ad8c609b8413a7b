import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { expect, test } from 'vitest'
import { grantBalances } from './grants.ts'

const [soon, late] = ['2026-03-01T00:00:00Z', '2026-06-01T00:00:00Z']
const WHEN = { nowMs: Date.parse('2026-04-01T00:00:00Z'), openFromMs: Date.parse(soon) }

test.each<[string, object, string, string]>([
  ['unused', {}, '0', '0.00 20.00 usable'],
  ['used in part', {}, '12.34', '12.34 7.66 usable'],
  ['used up', {}, '20', '20.00 0.00 used-up'],
  ['used up and expired', { expires: soon }, '20', '20.00 0.00 used-up'],
  ['used beyond what a later version grants', {}, '20.01', '20.01 0.00 used-up'],
  ['to come', { from: late }, '0', '0.00 20.00 to-come'],
  ['usable from now on', { from: '2026-04-01T00:00:00Z' }, '0', '0.00 20.00 usable'],
  [
    'expired in the month of the next invoice',
    { expires: '2026-03-01T00:00:00.001Z' },
    '1',
    '1.00 19.00 usable',
  ],
  ['expired before that', { expires: soon }, '1', '1.00 19.00 expired'],
])('%s', (_, more, used, expected) => {
  const rules = [
    { kind: 'fee', id: 'fee', amount: '1' },
    { kind: 'credit', id: 'wallet', grants: [{ id: 'promo', amount: '20', ...more }] },
  ]
  const [balance, ...others] = grantBalances({ currency: 'EUR', rules }, new Map([['promo', used]]), WHEN)
  expect(others).toEqual([])
  expect(balance).toMatchObject({ rule: 'wallet', grant: 'promo' })
  const { used: gone, left, standing } = balance!
  expect(`${formatAmount(gone)} ${formatAmount(left)} ${standing}`).toBe(expected)
})
