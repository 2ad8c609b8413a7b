import { create } from '@bufbuild/protobuf'
import { BilledLineSchema, type Snapshot, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { PeriodSchema } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { INSTANT_MAX_MS } from '@vouch/proto/kernel/period.ts'
import { describe, expect, test } from 'vitest'
import { DAY, linesOf, measured, steady, tariffOf, usage } from '../testing/test-day.ts'
import { rateSnapshot } from './rate.ts'

const tariff = tariffOf([
  usage({
    window: 'contract-year',
    price: { model: 'graduated', tiers: [{ upTo: '2000', unitPrice: '0.10' }, { unitPrice: '0.05' }] },
  }),
  { kind: 'commitment', id: 'commit', amount: '365', window: 'contract-year', overageFactor: '1.5' },
])
const span = (from: number, to: number) => ({ fromMs: BigInt(from), toMs: BigInt(to) })
const BEFORE = span(DAY.from - 86_400_000, DAY.from)
const agreed = (to: number) => span(DAY.from - 2 * 86_400_000, to)

interface More {
  readonly contract?: ReturnType<typeof span>
  readonly windowBilled?: Snapshot['windowBilled']
}

async function snapshotOf({ contract, windowBilled = [] }: More): Promise<Snapshot> {
  const snapshot = await measured(tariff, [steady])
  snapshot.windowBilled = windowBilled
  if (contract !== undefined) snapshot.contract = create(PeriodSchema, contract)
  return snapshot
}

const earlier = (more: object = {}) =>
  create(BilledLineSchema, {
    ruleId: 'traffic',
    period: BEFORE,
    quantity: '1000',
    unit: 'MB',
    amount: '100.00',
    ...more,
  })

describe('a snapshot of a tariff that counts over windows', () => {
  test('goes on where the lines of earlier documents end', async () => {
    const snapshot = await snapshotOf({
      contract: agreed(INSTANT_MAX_MS),
      windowBilled: [earlier(), earlier({ quantity: '0.5', unit: 'GB', amount: '450.00' })],
    })
    expect(linesOf(tariff, snapshot)).toEqual([
      // 1,500 MB before, so that 500 of 1,380 are in the first tier.
      ['traffic 2026-03-28T23:00:00Z', 'usage', '1380', '94.00'],
      ['commit overage 2026-03-28T23:00:00Z', 'overage', '', '139.50'],
    ])
  })

  test('ends with the contract, prorated', async () => {
    const snapshot = await snapshotOf({
      contract: agreed(DAY.to),
      windowBilled: [earlier({ amount: '1.00' })],
    })
    // Three of 365 days.
    expect(linesOf(tariff, snapshot).map(([, kind, , amount]) => [kind, amount])).toEqual([
      ['usage', '119.00'],
      ['overage', '58.50'],
    ])
  })

  test('of another pool, or of another kind of unit, does not', async () => {
    const other = await snapshotOf({
      contract: agreed(INSTANT_MAX_MS),
      windowBilled: [earlier({ pool: 'switch:z', amount: '' })],
    })
    expect(linesOf(tariff, other).map(([, , , amount]) => amount)).toEqual(['138.00'])
    const hours = await snapshotOf({
      contract: agreed(INSTANT_MAX_MS),
      windowBilled: [earlier({ unit: 'h' })],
    })
    const rated = rateSnapshot(tariff, hours)
    expect(rated.ok ? undefined : rated.fault.causes).toMatchObject([
      { code: 'UNIT_MISMATCH', pointer: '/rules/0' },
    ])
  })

  test('is corrected by what is due beyond what was billed, with the same lines before it', async () => {
    const contract = agreed(INSTANT_MAX_MS)
    const snapshot = await snapshotOf({ contract, windowBilled: [earlier()] })
    const billed = [
      {
        lineId: 'traffic 2026-03-28T23:00:00Z',
        ruleId: 'traffic',
        kind: 'usage',
        quantity: '1300',
        amount: '115.00',
      },
    ].map((line) => create(BilledLineSchema, line))
    const again = create(SnapshotSchema, { ...snapshot, corrects: 'INV-000001', billed })
    expect(linesOf(tariff, again)).toEqual([['traffic 2026-03-28T23:00:00Z', 'late-usage', '80', '4.00']])
  })

  test.each<[string, More, string, string]>([
    ['without the contract', { windowBilled: [] }, 'FIELD_MISSING', '/contract'],
    ['beyond the contract', { contract: agreed(DAY.to - 1) }, 'FIELD_INVALID', '/contract'],
    ['of a contract that is reversed', { contract: span(2, 1) }, 'PERIOD_REVERSED', '/contract'],
    [
      'with a line of no time',
      { contract: agreed(DAY.to), windowBilled: [create(BilledLineSchema, { ruleId: 'traffic' })] },
      'FIELD_MISSING',
      '/windowBilled/0/period',
    ],
    [
      'with a quantity that is none',
      { contract: agreed(DAY.to), windowBilled: [earlier({ quantity: 'x' })] },
      'DECIMAL_INVALID',
      '/windowBilled/0/quantity',
    ],
    [
      'with an amount that is none',
      { contract: agreed(DAY.to), windowBilled: [earlier({ amount: '1e3' })] },
      'DECIMAL_INVALID',
      '/windowBilled/0/amount',
    ],
    [
      'with a unit that is none',
      { contract: agreed(DAY.to), windowBilled: [earlier({ unit: 'MiBi' })] },
      'UNIT_UNKNOWN',
      '/windowBilled/0/unit',
    ],
  ])('%s is refused', async (_, more, code, pointer) => {
    const rated = rateSnapshot(tariff, await snapshotOf(more))
    expect(rated.ok ? undefined : rated.fault).toMatchObject({ code, pointer })
  })

  test('of a tariff that does not takes none of earlier documents', async () => {
    const plain = tariffOf([usage({})])
    const snapshot = create(SnapshotSchema, {
      ...(await measured(plain, [steady])),
      windowBilled: [earlier()],
    })
    const rated = rateSnapshot(plain, snapshot)
    expect(rated.ok ? undefined : rated.fault).toMatchObject({
      code: 'FIELD_INVALID',
      pointer: '/windowBilled',
    })
  })
})
