import { expect, it } from 'vitest'
import { billsInAdvance, comesTo } from './advance.ts'
import type { Advanced } from './advance.ts'

it.each([
  [{ kind: 'fee', timing: 'advance' }, true],
  [{ kind: 'fee', timing: 'arrears' }, false],
  [{ kind: 'fee' }, false],
])('a tariff of %j bills in advance: %s', (rule, is) => expect(billsInAdvance({ rules: [rule] })).toBe(is))

it.each([
  ['in which it begins', 't', 'EUR', 10, true],
  ['after it', 't', 'EUR', 11, false],
  ['of another tariff', 'u', 'EUR', 10, false],
  ['of another currency', 't', 'USD', 10, false],
])('a stretch %s comes to what was billed in advance: %s', (_, tariffId, currency, from, is) => {
  const advanced: Advanced = {
    tariff: 't',
    tariffVersion: 1,
    currency: 'EUR',
    period: { from: 10, to: 20 },
    inForce: { from: 10, to: 20 },
    timeZone: 'UTC',
    billed: [],
    by: { ref: undefined, number: 'INV-000001' },
  }
  expect(comesTo({ tariffId, currency }, { from, to: 15 }, advanced)).toBe(is)
})
