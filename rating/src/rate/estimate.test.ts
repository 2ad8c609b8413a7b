import { type JsonObject, create } from '@bufbuild/protobuf'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { type Snapshot, UsageCorrectionSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { describe, expect, test } from 'vitest'
import { type Sent, createMemoryStore } from '../testing/memory-store.ts'
import { DAY, DAYS, MORNING, charges, containers, measured, memory, outage } from '../testing/test-outage.ts'
import { tariffOf } from '../testing/test-day.ts'
import { snapshotOf } from '../testing/test-proof.ts'

const HOUR_MS = 3_600_000
const lines = (snapshot: Snapshot, rules: Tariff['rules']) =>
  charges(snapshot, rules).map(({ kind, quantity, amount }) => [kind, quantity, amount])

describe('a gap is filled by an hour that was measured', () => {
  // 14 and a half hours before and after: hours 0 1 3 4 5 and half of 6, then 10 to 23, a thousand a minute more each.
  const known = 60_000 * (1 + 2 + 4 + 5 + 6) + 30_000 * 7 + 60_000 * 245
  test.each<[string, number]>([
    // Three and a half times what five to six had.
    ['last-known', 3.5 * 60 * 6000],
    // Half of what six to seven had on the day before, then seven, eight and nine.
    ['same-hour', 30 * 7000 + 60 * (8000 + 9000 + 10_000)],
  ])('%s', async (method, guessed) => {
    const rules = [memory({ method })]
    const snapshot = await measured([outage('m', [MORNING])], rules)
    expect(lines(snapshot, rules)).toEqual([
      ['usage', `${known}`, (known / 10_000).toFixed(2)],
      ['estimate', `${guessed}`, (guessed / 10_000).toFixed(2)],
    ])
    for (const { coverage } of charges(snapshot, rules))
      expect(coverage).toMatchObject({
        coveredMs: BigInt(19.5 * HOUR_MS),
        spreadMs: 0n,
        missingMs: BigInt(3.5 * HOUR_MS),
        estimatedMs: BigInt(3.5 * HOUR_MS),
      })
  })

  test('from before the period, where the agent was away already when it began', async () => {
    const rules = [memory({ method: 'last-known' })]
    const snapshot = await measured([outage('m', [{ from: 23.25, to: 26 }])], rules)
    // Ten to eleven at night was the last whole hour of the day before.
    const [, estimate] = lines(snapshot, rules)
    expect(estimate).toEqual(['estimate', `${2 * 60 * 23_000}`, '276.00'])
    expect(Number(snapshot.estimates[0]!.reference!.period!.fromMs)).toBe(DAY.from - 2 * HOUR_MS)
  })

  test('in parts at the windows of a calendar, each with its price', async () => {
    const price = {
      model: 'calendar',
      windows: [{ name: 'early', from: '00:00', to: '07:15' }],
      prices: { early: { model: 'per-unit', unitPrice: '0.001' } },
      otherwise: { model: 'per-unit', unitPrice: '0.0001' },
    }
    const rules = [memory({ method: 'same-hour' }, { price })]
    const snapshot = await measured([outage('m', [MORNING])], rules)
    const early = 30 * 7000 + 15 * 8000
    expect(lines(snapshot, rules).filter(([kind]) => kind === 'estimate')).toEqual([
      ['estimate', `${early}`, (early / 1000).toFixed(2)],
      ['estimate', `${1_830_000 - early}`, ((1_830_000 - early) / 10_000).toFixed(2)],
    ])
  })

  test('for the share that the payer has', async () => {
    const rules = [memory({ method: 'last-known' })]
    const snapshot = await measured([outage('m', [MORNING])], rules)
    snapshot.measurements[0]!.share = '0.5'
    expect(lines(snapshot, rules)[1]).toEqual(['estimate', '630000', '63.00'])
  })
})

describe('nothing is estimated', () => {
  test.each<[string, Sent, Tariff['rules'][number]]>([
    ['where nothing is missing', outage('m', []), memory({ method: 'last-known' })],
    ['where no rule says so', outage('m', [MORNING]), memory({ method: 'none' })],
    [
      'where the gap is longer than the rule allows',
      outage('m', [MORNING]),
      memory({ method: 'last-known', longestHours: 3 }),
    ],
    [
      'before the first hour that was measured',
      outage('m', [{ from: -1, to: 30 }]),
      memory({ method: 'last-known', longestHours: 100 }),
    ],
    [
      'where no hour of that time of the day was measured',
      outage('m', [
        { from: -1, to: 24 },
        { from: 26, to: 27 },
      ]),
      memory({ method: 'same-hour' }),
    ],
  ])('%s', async (_, sent, rule) => {
    const snapshot = await measured([sent], [rule])
    expect(snapshot.estimates).toEqual([])
    expect(lines(snapshot, [rule]).map(([kind]) => kind)).not.toContain('estimate')
    expect(charges(snapshot, [rule])[0]?.coverage?.estimatedMs ?? 0n).toBe(0n)
  })

  test('of who never came back, whatever else is priced', async () => {
    const ended = outage('m', [], { from: 0, to: 30 })
    for (const rules of [
      [containers({ method: 'last-known' })],
      [memory({ method: 'none' }), containers({ method: 'last-known' })],
    ])
      expect((await measured([ended], rules)).estimates).toEqual([])
    const gone = outage('m', [{ from: 30, to: 60 }])
    expect((await measured([gone], [memory({ method: 'last-known' })])).estimates).toEqual([])
  })

  test('of a gap over midnight that is too long for the rule, on neither day', async () => {
    const sent = [outage('m', [{ from: 20, to: 28 }])]
    const before = { from: DAYS.from, to: DAY.from }
    const estimates = async (longestHours: number) =>
      Promise.all(
        [before, DAY].map(async (day) => {
          const rules = [memory({ method: 'last-known', longestHours })]
          return (await measured(sent, rules, day)).estimates.length
        }),
      )
    expect(await estimates(7)).toEqual([0, 0])
    expect(await estimates(8)).toEqual([1, 1])
  })

  test('from an hour in which something else counts', async () => {
    const rules = [memory({ method: 'last-known' })]
    const decided = (from: number, to: number) =>
      create(UsageCorrectionSchema, {
        correctionId: '0190a0b0-0000-7000-8000-000000000001',
        kind: 'void',
        resource: 'host:m',
        period: { fromMs: BigInt(DAYS.from + from * HOUR_MS), toMs: BigInt(DAYS.from + to * HOUR_MS) },
      })
    const hourOf = async (from: number, to: number) => {
      const store = createMemoryStore([outage('m', [MORNING])])
      const tariff = tariffOf(rules)
      const snapshot = await snapshotOf(['host:m'], DAY, store, tariff, [decided(from, to)])
      const [estimate] = snapshot.estimates
      return estimate && (Number(estimate.reference!.period!.fromMs) - DAYS.from) / HOUR_MS
    }
    expect(await hourOf(24, 25)).toBe(28)
    expect(await hourOf(28.5, 29.5)).toBe(27)
    expect(await hourOf(0, 29.5)).toBeUndefined()
  })

  test('of a container that had ended, while its agent measured others; of one that was there it is', async () => {
    const rules = [memory({ method: 'none' }), containers({ method: 'last-known' })]
    const ended = await measured([outage('m', [], { from: 0, to: 30 })], rules)
    expect(ended.estimates).toEqual([])
    const away = await measured([outage('m', [MORNING], { from: 0, to: 48 })], rules)
    expect(away.estimates.map(({ resource }) => resource)).toEqual(['host:m/container:c'])
    expect(lines(away, rules).at(-1)).toEqual(['estimate', `${3.5 * 3600}`, '1.26'])
  })
})

describe('an entry with a gap in it is one entry', () => {
  // Twenty minutes of an hour are missing.
  const gap = { from: 24 + 5, to: 24 + 5 + 1 / 3 }
  const outcome = async (more: JsonObject, sent = [outage('m', [])]) => {
    const rule = { ...containers({ method: 'last-known' }), ...more }
    const all = charges(await measured(sent, [rule]), [rule])
    return all.reduce((sum, { exact }) => add(sum, unwrap(parseDecimal(exact))), ZERO)
  }

  test.each<[string, JsonObject]>([
    ['that is billed in steps', { grain: 'hour', increment: { size: '3600', at: 'entry' } }],
    ['that has to reach a threshold', { grain: 'hour', threshold: { quantity: '3600', at: 'entry' } }],
    [
      'that has tiers of its own',
      {
        per: 'entry',
        price: {
          model: 'graduated',
          tiers: [{ upTo: '36000', unitPrice: '0.001' }, { unitPrice: '0.0001' }],
        },
      },
    ],
  ])('%s', async (_, more) => {
    expect(await outcome(more, [outage('m', [gap])])).toEqual(await outcome(more))
  })
})

test('what arrives later takes the place of the estimate', async () => {
  const rules = [memory({ method: 'last-known' })]
  const first = await measured([outage('m', [MORNING])], rules)
  const billed = charges(first, rules)
  const second = await measured([outage('m', [])], rules)
  second.corrects = 'INV-000001'
  second.billed = billed.map((line) => ({ ...line, $typeName: 'vouch.rating.v1.BilledLine' }))
  expect(lines(second, rules)).toEqual([
    ['late-usage', '1830000', '183.00'],
    ['estimate', '-1260000', '-126.00'],
  ])
})
