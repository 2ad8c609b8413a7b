import { create } from '@bufbuild/protobuf'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import { expect, test } from 'vitest'
import type { InvoiceLine } from './invoice.ts'
import { roundingGain } from './rounding-gain.ts'

const line = (kind: string, exact: string, minor: bigint): InvoiceLine => ({
  lineNumber: 1,
  statement: 0,
  amount: money(minor, 'EUR'),
  charge: create(ChargeSchema, { kind, exact }),
  costCentres: [],
})

test.each<[string, [string, string, bigint][], bigint, [string, string, string]]>([
  ['nothing', [], 0n, ['0.00', '0.000000000000', '0.000000000000']],
  ['half a cent', [['usage', '0.125', 13n]], 13n, ['0.13', '0.125000000000', '0.005000000000']],
  ['a loss', [['usage', '1/3', 33n]], 33n, ['0.33', '0.333333333333', '-0.003333333333']],
  [
    'a total that alone is rounded',
    [
      ['fee', '0.125', 13n],
      ['fee', '0.125', 13n],
      ['rounding', '-0.01', -1n],
    ],
    25n,
    ['0.25', '0.250000000000', '0.000000000000'],
  ],
])('rounding of %s', (_, lines, total, [Billed, Exact, Gain]) => {
  const given = lines.map((each) => line(...each))
  expect(roundingGain({ lines: given, total: money(total, 'EUR') })).toEqual({ Billed, Exact, Gain })
})
