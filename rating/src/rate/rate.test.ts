import { create, toBinary } from '@bufbuild/protobuf'
import { RateRequestSchema, RateResponseSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { EpochUsage, Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { proofText } from '@vouch/proto/seal/proof.ts'
import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import {
  DAY,
  HOUR_MS,
  MINUTE_MS,
  linesOf,
  measured,
  port,
  steady,
  tariffOf,
  usage,
} from '../testing/test-day.ts'
import { RANKED, proofOf } from '../testing/test-proof.ts'
import { verifyProof } from '../verify/verify.ts'
import { rate, rateSnapshot } from './rate.ts'

describe('a day of 23 hours', () => {
  test.each<[string, Tariff['rules'], string[][]]>([
    [
      'by window: night until 6, of which there are 5 hours, then day',
      [
        usage({
          per: 'resource',
          price: {
            model: 'calendar',
            windows: [{ name: 'night', from: '22:00', to: '06:00' }],
            prices: { night: { model: 'per-unit', unitPrice: '1' } },
            otherwise: { model: 'per-unit', unitPrice: '2' },
          },
        }),
      ],
      [
        ['traffic switch:a night 2026-03-28T23:00:00Z', 'usage', '420', '420.00'],
        ['traffic switch:a otherwise 2026-03-29T04:00:00Z', 'usage', '960', '1920.00'],
      ],
    ],
    [
      'a price that changes at the exact instant',
      [
        usage({ id: 'old', effective: { from: '2026-01-01T00:00:00Z', to: '2026-03-29T10:07:00Z' } }),
        usage({
          id: 'new',
          effective: { from: '2026-03-29T10:07:00Z', to: '2027-01-01T00:00:00Z' },
          price: { model: 'per-unit', unitPrice: '3' },
        }),
      ],
      [
        ['old 2026-03-28T23:00:00Z', 'usage', '667', '667.00'],
        ['new 2026-03-29T10:07:00Z', 'usage', '713', '2139.00'],
      ],
    ],
    [
      'rounded up each hour: 60 MB are 100',
      [usage({ grain: 'hour', increment: { size: '100', at: 'entry' } })],
      [['traffic 2026-03-28T23:00:00Z', 'usage', '2300', '2300.00']],
    ],
    [
      'six rules at once',
      [
        usage({
          free: { quantity: '80' },
          price: { model: 'graduated', tiers: [{ upTo: '1000', unitPrice: '0.10' }, { unitPrice: '0.05' }] },
        }),
        { kind: 'fee', id: 'base', amount: '30' },
        { kind: 'minimum', id: 'least', amount: '200', of: ['traffic'] },
        { kind: 'discount', id: 'loyal', percent: '10', of: ['traffic', 'least'] },
        { kind: 'credit', id: 'welcome', grants: [{ id: 'gift', amount: '50' }] },
        { kind: 'maximum', id: 'cap', amount: '150' },
      ],
      [
        // 1,300 MB: 1,000 at 0.10 and 300 at 0.05.
        ['traffic 2026-03-28T23:00:00Z', 'usage', '1300', '115.00'],
        ['base fee 2026-03-28T23:00:00Z', 'fee', '1', '30.00'],
        ['least minimum 2026-03-28T23:00:00Z', 'minimum', '', '85.00'],
        ['loyal discount 2026-03-28T23:00:00Z', 'discount', '', '-20.00'],
        ['welcome credit gift 2026-03-28T23:00:00Z', 'credit', '', '-50.00'],
        ['cap maximum 2026-03-28T23:00:00Z', 'maximum', '', '-10.00'],
      ],
    ],
  ])('%s', async (_, rules, expected) => {
    const tariff = tariffOf(rules)
    const snapshot = await measured(tariff, [steady])
    expect(linesOf(tariff, snapshot)).toEqual(expected)
    const text = proofText(await proofOf(snapshot, DAY, createMemoryStore([steady]).archive, tariff))
    expect(verifyProof(text)).toMatchObject({ ok: true })
  })

  const ranked = tariffOf([
    {
      id: 'burst',
      kind: 'percentile',
      directions: 'in',
      select: { meters: ['host.network.received'] },
      unit: 'Mbit/s',
      rounding: { mode: 'half-up', scale: 3 },
      commit: '5',
      price: { model: 'per-unit', unitPrice: '2' },
    },
  ])
  /** Slot k of 276, counted from 0, carries k MB. */
  const rising = port('r', (minute) => Math.floor(minute / 5) * 200_000)

  test('its percentile is that of 276 slots, and the proof holds every one', async () => {
    const snapshot = await measured(ranked, [rising])
    const stream = snapshot.measurements[0]!.streams[0]!
    expect(stream.slots.map(({ quantities }) => quantities.length)).toEqual([276])
    // The highest 13 are dropped, floor(0.05 · 276); the next is 262 MB in 300 s.
    const [burst] = unwrap(rateSnapshot(ranked, snapshot)).charges
    expect(burst?.trace.map(({ rule, input, output }) => `${rule}: ${input} = ${output}`)).toEqual([
      'percentile 95 in: 276 slots, rank 263 = 20960000/3',
      'bit/s to Mbit/s: 20960000/3 = 524/75',
      'quantity half-up 3: 524/75 = 6.987',
      'commit: 6.987 - 5 = 1.987',
      'per unit: 1.987 × 2 = 3.974',
      'amount half-up EUR: 3.974 = 3.97',
    ])
    expect(burst).toMatchObject({
      quantity: '1.987',
      unit: 'Mbit/s',
      resource: 'switch:r',
      measurements: [0],
    })
    const proof = await proofOf(snapshot, DAY, createMemoryStore([rising]).archive, ranked)
    expect(verifyProof(proofText(proof))).toMatchObject({ ok: true })
  })

  test.each<[string, (snapshot: Snapshot) => void, string]>([
    [
      'a slot that says less',
      (s) => void (s.measurements[0]!.streams[0]!.slots[0]!.quantities[262] = 1n),
      'measurements[0].streams[0].slots[0].quantities[262]',
    ],
    [
      'a slot left out',
      (s) => void s.measurements[0]!.streams[0]!.slots[0]!.quantities.pop(),
      'measurements[0].streams[0].slots[0].quantities',
    ],
    [
      'slots twice',
      (s) => void s.measurements[0]!.streams[0]!.slots.push({ ...s.measurements[0]!.streams[0]!.slots[0]! }),
      'measurements[0].streams[0].slots',
    ],
  ])('%s is found in the proof', async (_, change, place) => {
    const snapshot = await measured(ranked, [rising])
    change(snapshot)
    const proof = await proofOf(snapshot, DAY, createMemoryStore([rising]).archive, ranked)
    const pointer = `invoice.statements[0].snapshot.${place}`
    expect(verifyProof(proofText(proof))).toMatchObject({ ok: false, fault: { pointer } })
  })

  test('slots that were not measured are excluded, zero, or a fault, as the contract has it', async () => {
    const silent = port(
      's',
      () => 1_000_000,
      (minute) => minute > 60 && minute < 120,
    )
    const snapshot = await measured(ranked, [silent])
    // The counter was read before and after: what lies between is spread evenly over its slots.
    expect(snapshot.measurements[0]!.streams[0]!.slots[0]!.quantities.length).toBe(276)
    expect(snapshot.measurements[0]!.streams[0]!.coverage?.spreadMs).toBe(BigInt(59 * MINUTE_MS))
    const slots = snapshot.measurements[0]!.streams[0]!.slots
    slots[0]!.quantities = slots[0]!.quantities.slice(0, 200)
    const policy = (missingSlots: string) =>
      rateSnapshot(tariffOf([{ ...ranked.rules[0]!, commit: '0', missingSlots }]), snapshot)
    const traceOf = (policyName: string) =>
      unwrap(policy(policyName)).charges[0]?.trace.map(({ input }) => input)
    expect(traceOf('excluded')?.[0]).toBe('276 expected')
    expect(traceOf('zero')?.slice(0, 2)).toEqual(['76 slots of 1 series', '276 slots, rank 263'])
    expect(policy('refused')).toMatchObject({ ok: false, fault: { code: 'TARIFF_INVALID' } })
  })
})

test('a register that falls from batch to batch is USAGE_CONFLICT, and names when', async () => {
  const fallen = port('fallen', (minute) => (minute === 119 ? -100_000_000 : 1_000_000))
  for (const tariff of [tariffOf([usage({ grain: 'hour' })]), RANKED])
    await expect(measured(tariff, [fallen])).rejects.toThrow(/^USAGE_CONFLICT: a register falls /)
})

test('the same request gives the same bytes', async () => {
  const snapshot = await measured(RANKED, [steady])
  const request = create(RateRequestSchema, { tariff: RANKED, snapshot })
  const bytes = () => toBinary(RateResponseSchema, unwrap(rate(request)))
  expect(bytes()).toEqual(bytes())
})

test.each([
  ['0.96', true],
  ['0.95', false],
])(
  'readings that cover 95 % of the time, of which %s must be covered: held %s',
  async (reviewBelow, held) => {
    // 69 of 1,380 minutes were not sampled.
    const patchy = port(
      'p',
      () => 1_000_000,
      (minute) => minute > 100 && minute < 170,
    )
    const tariff = tariffOf([usage({ reviewBelow })])
    const snapshot = await measured(tariff, [patchy])
    const [charge] = unwrap(rateSnapshot(tariff, snapshot)).charges
    expect(charge?.held).toBe(held)
    expect(charge?.trace.at(-1)).toMatchObject({
      rule: `review below ${reviewBelow} covered`,
      input: '78660000 of 82800000 ms',
    })
    const proof = await proofOf(snapshot, DAY, createMemoryStore([patchy]).archive, tariff)
    expect(verifyProof(proofText(proof))).toMatchObject({ ok: true })
    proof.invoice!.lines[0]!.charge!.held = !held
    expect(verifyProof(proofText(proof))).toMatchObject({
      fault: { pointer: 'invoice.lines[0].charge.held' },
    })
  },
)

test('usage that was not cut for the prices is refused, not split evenly', async () => {
  const hourly = tariffOf([usage({ grain: 'hour' })])
  const snapshot = await measured(tariffOf([usage({})]), [steady])
  const pointer = '/measurements/0'
  expect(rateSnapshot(hourly, snapshot)).toMatchObject({
    ok: false,
    fault: { code: 'USAGE_INCOMPLETE', pointer },
  })
  expect(rateSnapshot(RANKED, snapshot)).toMatchObject({ ok: false, fault: { code: 'USAGE_INCOMPLETE' } })
})

test.each<[string, (epoch: EpochUsage) => void]>([
  ['no opening', (epoch) => delete epoch.opening],
  ['no closing', (epoch) => delete epoch.closing],
  ['a closing before its opening', (epoch) => (epoch.closing!.atMs = epoch.opening!.atMs - 1n)],
  ['a register that falls', (epoch) => (epoch.opening!.register = epoch.closing!.register + 1n)],
  ['a cut after its closing', (epoch) => (epoch.cuts.at(-1)!.atMs = epoch.closing!.atMs + 1n)],
])('an epoch with %s is FIELD_INVALID at its place', async (_, spoil) => {
  const hourly = tariffOf([usage({ grain: 'hour' })])
  const snapshot = await measured(hourly, [steady])
  expect(rateSnapshot(hourly, snapshot).ok).toBe(true)
  spoil(snapshot.measurements[0]!.streams[0]!.epochs[0]!)
  expect(rateSnapshot(hourly, snapshot)).toMatchObject({
    ok: false,
    fault: { code: 'FIELD_INVALID', pointer: '/measurements/0/streams/0/epochs/0' },
  })
})

test('usage without a price is reported with its stretch, never dropped', async () => {
  const tariff = tariffOf([
    usage({ effective: { from: '2026-03-28T23:00:00Z', to: '2026-03-29T00:00:00Z' } }),
  ])
  const snapshot = await measured(tariff, [steady])
  const periods = [{ from: DAY.from + HOUR_MS, to: DAY.to }]
  expect(unwrap(rateSnapshot(tariff, snapshot)).unpriced).toEqual([{ measurement: 0, periods }])
})

test('where the total alone is rounded a line makes the lines sum to it', async () => {
  const cents = ['a', 'b', 'c'].map((id) => ({ kind: 'fee', id, amount: '0.333' }))
  const tariff = tariffOf(cents, { roundingStage: 'document' })
  const lines = linesOf(tariff, await measured(tariff, []))
  expect(lines.map(([, kind, , amount]) => [kind, amount])).toEqual([
    ['fee', '0.33'],
    ['fee', '0.33'],
    ['fee', '0.33'],
    ['rounding', '0.01'],
  ])
})
