import { type JsonObject, create } from '@bufbuild/protobuf'
import {
  type Snapshot,
  type UsageCorrection,
  UsageCorrectionSchema,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { addMoney, money, parseAmount } from '@vouch/proto/kernel/money.ts'
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import { signUsageCorrection } from '@vouch/proto/seal/usage-correction.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { DAY, HOUR_MS, linesOf, port, steady, tariffOf, usage } from '../testing/test-day.ts'
import { ISSUER, OTHER_ISSUER, proofOf, snapshotOf } from '../testing/test-proof.ts'
import { verifyProof } from '../verify/verify.ts'
import { rateSnapshot } from './rate.ts'

type Entry = Partial<Pick<UsageCorrection, 'kind' | 'resource' | 'meter' | 'quantity' | 'unit'>> & {
  /** In hours since the day began. */
  readonly hours: readonly [number, number]
}

const PORT = 'switch:a/port:1'
const correction = ({ hours: [from, to], ...entry }: Entry, signer = ISSUER) =>
  signUsageCorrection(
    create(UsageCorrectionSchema, {
      correctionId: '0190a0b0-0000-7000-8000-000000000001',
      kind: 'void',
      resource: PORT,
      reason: 'mirror port, not traffic',
      person: 'Ada',
      ...entry,
      period: { fromMs: BigInt(DAY.from + from * HOUR_MS), toMs: BigInt(DAY.from + to * HOUR_MS) },
    }),
    signer,
  )
const replaced = (quantity: string, hours: Entry['hours'], more: Partial<Entry> = {}) =>
  correction({ kind: 'replace', meter: 'host.network.received', quantity, unit: 'MB', hours, ...more })

const store = createMemoryStore([steady, port('b', (minute) => minute * 1000)])
const measured = (
  rules: JsonObject[],
  corrections: ReturnType<typeof correction>[],
  resources = ['switch:a'],
) => snapshotOf(resources, DAY, store, tariffOf(rules), corrections)
const quantities = async (
  rules: JsonObject[],
  corrections: ReturnType<typeof correction>[],
  resources?: string[],
) => linesOf(tariffOf(rules), await measured(rules, corrections, resources)).map(([, , quantity]) => quantity)

describe('what a person decided counts, where and when it was decided', () => {
  test.each<[string, ReturnType<typeof correction>[], string[]]>([
    ['nothing', [], ['1380']],
    // A megabyte a minute.
    ['hours that were not used', [correction({ hours: [2, 5] })], ['1200']],
    ['two stretches', [correction({ hours: [2, 5] }), correction({ hours: [7, 8] })], ['1140']],
    ['part of an hour, exactly', [correction({ hours: [2, 2.5] })], ['1350']],
    ['all of the day', [correction({ hours: [0, 23] })], []],
    ['more than the day', [correction({ hours: [-5, 30] })], []],
    ['another time', [correction({ hours: [-5, 0] })], ['1380']],
    ['everything of a switch', [correction({ hours: [2, 5], resource: 'switch:a' })], ['1200']],
    ['another resource', [correction({ hours: [2, 5], resource: 'switch:b' })], ['1380']],
    ['this meter', [correction({ hours: [2, 5], meter: 'host.network.received' })], ['1200']],
    ['another meter', [correction({ hours: [2, 5], meter: 'host.network.sent' })], ['1380']],
    ['what another account bears', [correction({ hours: [2, 5], kind: 'transfer' })], ['1200']],
    ['so much instead', [replaced('100', [2, 5])], ['1300']],
    ['so much instead, in another unit', [replaced('0.1', [2, 5], { unit: 'GB' })], ['1300']],
    ['nothing instead', [replaced('0', [2, 5])], ['1200']],
    ['so much for longer than the day: its part by time', [replaced('460', [-23, 23])], ['230']],
    ['so much where nobody measured', [replaced('7', [2, 5], { resource: 'switch:a/port:2' })], ['1387']],
  ])('%s', async (_, corrections, expected) => {
    expect(await quantities([usage({})], corrections)).toEqual(expected)
  })

  test('where nothing at all was measured', async () => {
    const stated = replaced('7', [2, 5], { resource: 'switch:c/port:1' })
    expect(await quantities([usage({})], [stated], ['switch:c'])).toEqual(['7'])
    expect(await quantities([usage({})], [stated], ['switch:a'])).toEqual(['1380'])
  })

  test('at the price of its time, and for the share of the payer', async () => {
    const price = {
      model: 'calendar',
      windows: [{ name: 'night', from: '00:00', to: '04:00' }],
      prices: { night: { model: 'per-unit', unitPrice: '1' } },
      otherwise: { model: 'per-unit', unitPrice: '2' },
    }
    const rules = [usage({ price })]
    // Clocks skip an hour: four o'clock comes after three hours.
    const snapshot = await measured(rules, [replaced('100', [2, 4])])
    snapshot.measurements[0]!.share = '0.5'
    expect(
      linesOf(tariffOf(rules), snapshot).map(([id, , quantity, amount]) => [id, quantity, amount]),
    ).toEqual([
      [expect.stringContaining('night'), '85', '85.00'],
      [expect.stringContaining('otherwise'), '595', '1190.00'],
    ])
  })

  test('is said in the trace of the line', async () => {
    const rules = [usage({})]
    const snapshot = await measured(rules, [replaced('100', [2, 5])])
    const [charge] = unwrap(rateSnapshot(tariffOf(rules), snapshot)).charges
    expect(charge!.trace).toContainEqual(
      expect.objectContaining({
        rule: 'usage replaced',
        input: '0190a0b0-0000-7000-8000-000000000001: mirror port, not traffic',
        output: '100',
      }),
    )
    // The readings stay what they are.
    expect(snapshot.measurements[0]!.streams[0]!.quantity).toBe('1380000000')
  })

  test('leaves an entry one, whatever lies between its parts', async () => {
    const begun = [usage({ increment: { size: '1000', at: 'entry' } })]
    expect(await quantities(begun, [])).toEqual(['2000'])
    // 1,200 are left.
    expect(await quantities(begun, [correction({ hours: [2, 5] })])).toEqual(['2000'])
    const large = [usage({ threshold: { quantity: '700', at: 'entry' } })]
    expect(await quantities(large, [replaced('1', [12, 12 + 1 / 60])])).toEqual(['1380'])
    const hourly = [usage({ grain: 'hour', increment: { size: '100', at: 'entry' } })]
    // Half of an hour is void: the hour is begun all the same.
    expect(await quantities(hourly, [correction({ hours: [2, 2.5] })])).toEqual(['2300'])
  })

  test('of an own meter, beside what is void', async () => {
    const own = { meter: 'app.calls', unit: '1', resource: 'switch:a/port:1' }
    const rules = [usage({ select: { meters: ['app.calls'] }, unit: '1' })]
    const entries = [correction({ hours: [1, 2] }), replaced('7', [5, 6], own)]
    expect(await quantities(rules, entries)).toEqual(['7'])
  })

  test('goes for slots too', async () => {
    const burst = {
      kind: 'percentile',
      id: 'burst',
      select: { meters: ['host.network.received'] },
      unit: 'Mbit/s',
      directions: 'in',
      percent: '100',
      price: { model: 'per-unit', unitPrice: '1' },
    }
    // A megabyte a minute is 8/60 Mbit/s.
    expect(await quantities([burst], [])).toEqual(['0.133333333333'])
    // 900 MB in an hour are 2 Mbit/s.
    expect(await quantities([burst], [replaced('900', [2, 3])])).toEqual(['2'])
    expect(
      await quantities([{ ...burst, percent: '50', missingSlots: 'zero' }], [correction({ hours: [0, 12] })]),
    ).toEqual(['0'])
    expect(await quantities([{ ...burst, percent: '50' }], [correction({ hours: [0, 12] })])).toEqual(['0'])
    // Another port is ranked in those slots all the same.
    const away = correction({ hours: [0, 23], kind: 'transfer' })
    expect(await quantities([burst], [away], ['switch:a', 'switch:b'])).toEqual(
      await quantities([burst], [], ['switch:b']),
    )
  })

  test('what is taken away and what is left are the whole, wherever the cut is', async () => {
    const rules = [usage({})]
    const amountOf = async (corrections: ReturnType<typeof correction>[]) =>
      linesOf(tariffOf(rules), await measured(rules, corrections, ['switch:a', 'switch:b'])).reduce(
        (sum, line) => addMoney(sum, unwrap(parseAmount(line[3]!, 'EUR'))),
        money(0n, 'EUR'),
      )
    const whole = await amountOf([])
    const minute = fc.integer({ min: 1, max: 23 * 60 - 1 }).map((minutes) => minutes / 60)
    await fc.assert(
      fc.asyncProperty(minute, async (cut) => {
        const without = [correction({ hours: [0, cut] }), correction({ hours: [cut, 23] })]
        const [after, before] = [await amountOf([without[0]!]), await amountOf([without[1]!])]
        const other = await amountOf(without)
        // Port b is in all of them.
        expect(after.minor + before.minor).toBe(whole.minor + other.minor)
      }),
      { numRuns: 30 },
    )
  })
})

describe('what contradicts itself is refused', () => {
  const faultOf = async (corrections: ReturnType<typeof correction>[]) => {
    try {
      await measured([usage({})], corrections)
      return undefined
    } catch (error) {
      if (error instanceof FaultError) return [error.fault.code, error.fault.pointer]
      throw error
    }
  }

  test.each<[string, ReturnType<typeof correction>[], [string, string]]>([
    [
      'two at one time',
      [correction({ hours: [2, 5] }), replaced('1', [4, 6])],
      ['FIELD_INVALID', '/usageCorrections/1'],
    ],
    [
      'one of a resource above',
      [correction({ hours: [2, 5] }), correction({ hours: [4, 6], resource: 'switch:a' })],
      ['FIELD_INVALID', '/usageCorrections/1'],
    ],
    ['no kind', [correction({ hours: [2, 5], kind: 'undo' })], ['FIELD_INVALID', '/usageCorrections/0/kind']],
    [
      'no resource',
      [correction({ hours: [2, 5], resource: '' })],
      ['FIELD_INVALID', '/usageCorrections/0/resource'],
    ],
    [
      'a period that ends before it begins',
      [correction({ hours: [5, 2] })],
      ['PERIOD_REVERSED', '/usageCorrections/0/period'],
    ],
    [
      'a quantity of no meter',
      [replaced('1', [2, 5], { meter: '' })],
      ['FIELD_INVALID', '/usageCorrections/0/meter'],
    ],
    ['a quantity below zero', [replaced('-1', [2, 5])], ['OUT_OF_RANGE', '/usageCorrections/0/quantity']],
    [
      'a quantity that is none',
      [replaced('much', [2, 5])],
      ['DECIMAL_INVALID', '/usageCorrections/0/quantity'],
    ],
    [
      'a unit that is none',
      [replaced('1', [2, 5], { unit: 'lots' })],
      ['UNIT_UNKNOWN', '/usageCorrections/0/unit'],
    ],
  ])('%s', async (_, corrections, expected) => {
    expect(await faultOf(corrections)).toEqual(expected)
  })
})

describe('a proof shows the entries', () => {
  const rules = [usage({})]
  const entries = [correction({ hours: [2, 5] }), replaced('7', [6, 7], { resource: 'switch:a/port:2' })]
  const at = 'invoice.statements[0].snapshot'
  const proven = async (change: (snapshot: Snapshot) => void, signer = ISSUER) => {
    const proof = await proofOf(await measured(rules, entries), DAY, store.archive, tariffOf(rules))
    change(proof.invoice!.statements[0]!.snapshot!)
    const verified = verifyProof(proofText(sealProof(proof, signer)))
    return verified.ok ? undefined : verified.fault.pointer
  }

  test('as they were signed', async () => {
    expect(await proven(() => undefined)).toBeUndefined()
  })

  test.each<[string, (snapshot: Snapshot) => void, string]>([
    [
      'the reason',
      ({ usageCorrections: [one] }) => void (one!.reason = 'a gift'),
      `${at}.usageCorrections[0].signature`,
    ],
    [
      'the person',
      ({ usageCorrections: [one] }) => void (one!.person = 'Eve'),
      `${at}.usageCorrections[0].signature`,
    ],
    [
      'the time',
      ({ usageCorrections: [one] }) => void (one!.period!.toMs += 1n),
      `${at}.usageCorrections[0].signature`,
    ],
    ['an entry left out', ({ usageCorrections }) => void usageCorrections.pop(), `${at}.measurements[0]`],
  ])('%s cannot be changed', async (_, change, path) => {
    expect(await proven(change)).toBe(path)
  })

  test('by the issuer alone', async () => {
    expect(await proven(() => undefined, OTHER_ISSUER)).toBe(`${at}.usageCorrections[0].publicKey`)
  })

  test('where nothing was measured, on their own', async () => {
    const stated = replaced('7', [2, 5], { resource: 'switch:c' })
    const snapshot = await measured(rules, [stated], ['switch:c'])
    const proof = await proofOf(snapshot, DAY, store.archive, tariffOf(rules))
    expect(verifyProof(proofText(proof)).ok).toBe(true)
    proof.invoice!.statements[0]!.snapshot!.usageCorrections = []
    const verified = verifyProof(proofText(sealProof(proof, ISSUER)))
    expect(verified.ok ? '' : verified.fault.pointer).toBe(`${at}.measurements[0].streams`)
  })
})
