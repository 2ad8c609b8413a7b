import { create } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sumLines, windowsOf } from './windows.ts'

const charge = (ruleId: string, from: number, to: number, amount: string, more: object = {}) =>
  create(ChargeSchema, { ruleId, period: { fromMs: BigInt(from), toMs: BigInt(to) }, amount, ...more })
const WITHIN = { from: 10, to: 50 }

describe('what was billed before in windows', () => {
  const charges = [
    charge('cpu', 10, 20, '1.50', { pool: 'a', unit: 'h', quantity: '0.1', kind: 'usage' }),
    charge('cpu', 10, 20, '-0.50', { pool: 'a', unit: 'h', quantity: '0.2', kind: 'late-usage' }),
    charge('cpu', 10, 20, '2.00', { pool: 'b', unit: 'h', quantity: '4' }),
    charge('cpu', 20, 50, '3.00', { pool: 'a', unit: 'h', quantity: '5' }),
    charge('base', 10, 20, '7.00'),
    charge('base', 9, 20, '1000.00'),
    charge('base', 50, 51, '1000.00'),
    charge('', 10, 20, '1000.00'),
  ]

  it('is a sum for each period, rule, pool and unit, corrections among it', () => {
    const lines = sumLines(charges, WITHIN, 'EUR')
    expect(lines.map(({ ruleId, pool, quantity, amount }) => [ruleId, pool, quantity, amount])).toEqual([
      ['base', '', '', '7.00'],
      ['cpu', 'a', '0.3', '1.00'],
      ['cpu', 'b', '4', '2.00'],
      ['cpu', 'a', '5', '3.00'],
    ])
  })

  it('does not depend on the order in which it was issued', () => {
    const shuffled = fc.shuffledSubarray(charges, { minLength: charges.length })
    fc.assert(
      fc.property(shuffled, (all) => {
        expect(sumLines(all, WITHIN, 'EUR')).toEqual(sumLines(charges, WITHIN, 'EUR'))
      }),
    )
  })
})

it('windows of a tariff are those that its rules name, each once', () => {
  expect(
    windowsOf({ rules: [{ window: 'year' }, { kind: 'fee' }, { window: 'year' }, { window: 'quarter' }] }),
  ).toEqual(['year', 'quarter'])
})
