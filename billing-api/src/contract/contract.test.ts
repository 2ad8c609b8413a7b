import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, durationMs, overlaps } from '@vouch/proto/kernel/period.ts'
import { CLOSING, termCutShort, agreedOver, assignedIn, closed, cutByContract } from './contract.ts'
import type { Assignment, Contract } from './contract.ts'

/** Contracts side by side, some with holes between them, the last perhaps without end. */
const contracts = fc
  .tuple(fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 200 })), { maxLength: 6 }), fc.boolean())
  .map(([steps, open]) => {
    let at = 0
    return steps.map(([hole, length], index): Contract => {
      const from = at + hole
      at = from + length
      const to = open && index === steps.length - 1 ? undefined : at
      return {
        id: `${index}`,
        account: 'a',
        tariff: 't',
        tariffVersion: index + 1,
        period: { from, to },
        agreedTo: undefined,
        isFeeWaived: false,
        closing: CLOSING,
      }
    })
  })

const assignments = fc
  .array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 200 }), fc.constantFrom('a', 'b', 'c')), {
    maxLength: 6,
  })
  .map((list) =>
    list.map(([from, length, resource], index): Assignment => ({
      id: `${index}`,
      account: 'a',
      resource,
      dimensions: {},
      period: { from, to: from + length },
    })),
  )

const period = fc
  .tuple(fc.nat(400), fc.integer({ min: 1, max: 400 }))
  .map(([from, length]) => ({ from, to: from + length }))

describe('cutByContract', () => {
  it('rates each instant of an assignment once where a contract covers it, and never elsewhere', () => {
    fc.assert(
      fc.property(period, contracts, assignments, fc.nat(900), (span, all, assigned, at) => {
        const parts = cutByContract(span, all).flatMap((stretch) => assignedIn(stretch.period, assigned))
        const billed = parts.filter((part) => contains(part.period, at)).length
        const covered = contains(span, at) && all.some((contract) => contains(closed(contract.period), at))
        const held = assigned.filter((one) => contains(closed(one.period), at)).length
        expect(billed).toBe(covered ? held : 0)
      }),
    )
  })

  it('gives parts in order of time that do not overlap, within the period', () => {
    fc.assert(
      fc.property(period, contracts, (span, all) => {
        const parts = cutByContract(span, all).map((stretch) => stretch.period)
        parts.forEach((part, index) => {
          expect(span.from <= part.from && part.to <= span.to && durationMs(part) > 0).toBe(true)
          const next = parts[index + 1]
          if (next !== undefined) expect(overlaps(part, next) || next.from < part.from).toBe(false)
        })
      }),
    )
  })

  it('gives the same whatever order it gets', () => {
    fc.assert(
      fc.property(period, contracts, assignments, (span, all, assigned) => {
        const distinct = assigned.filter(
          (one, index) => assigned.findIndex((other) => other.resource === one.resource) === index,
        )
        expect(cutByContract(span, all.toReversed())).toEqual(cutByContract(span, all))
        expect(assignedIn(span, distinct.toReversed())).toEqual(assignedIn(span, distinct))
      }),
    )
  })
})

const contract = (tariff: string, from: number, to?: number, more: Partial<Contract> = {}): Contract => ({
  id: `${from}`,
  account: 'a',
  tariff,
  tariffVersion: 1,
  period: { from, to },
  agreedTo: undefined,
  isFeeWaived: false,
  closing: CLOSING,
  ...more,
})

describe('agreedOver', () => {
  it.each([
    ['alone', [contract('t', 10, 20)], { from: 10, to: 20 }],
    [
      'after and before others of the tariff',
      [contract('t', 0, 10), contract('t', 10, 20), contract('t', 20, 30)],
      { from: 0, to: 30 },
    ],
    ['after a pause', [contract('t', 0, 9), contract('t', 10, 20)], { from: 10, to: 20 }],
    [
      'between other tariffs',
      [contract('u', 0, 10), contract('t', 10, 20), contract('u', 20)],
      { from: 10, to: 20 },
    ],
    [
      'before one without end',
      [contract('t', 10, 20), contract('t', 20)],
      closed({ from: 10, to: undefined }),
    ],
  ])('a contract %s', (_, all, expected) => {
    const own = all.find(({ period: { from } }) => from === 10)!
    expect(agreedOver(own, all.toReversed())).toEqual(expected)
  })
})

describe('termCutShort', () => {
  const agreed = { agreedTo: 50 }
  const waived = { isFeeWaived: true }
  const cut = (from: number, atMs: number, to = 50): object => ({ atMs, term: { from, to } })
  it.each([
    ['no term', [contract('t', 10, 20)], undefined],
    ['its term', [contract('t', 10, 20, { agreedTo: 20 })], undefined],
    ['before its term', [contract('t', 10, 20, agreed)], cut(10, 20)],
    ['before it, waived', [contract('t', 10, 20, { ...agreed, ...waived })], undefined],
    ['and another tariff follows', [contract('t', 10, 20, agreed), contract('u', 20)], cut(10, 20)],
    ['and a pause follows', [contract('t', 10, 20, agreed), contract('t', 21)], cut(10, 20)],
    ['and goes on to its term', [contract('t', 10, 20, agreed), contract('t', 20, 50)], undefined],
    ['and goes on without end', [contract('t', 10, 20, agreed), contract('t', 20)], undefined],
    ['and goes on, but not to its term', [contract('t', 10, 20, agreed), contract('t', 20, 49)], cut(10, 49)],
    [
      'and the last is waived, which has no term of its own',
      [contract('t', 10, 20, agreed), contract('t', 20, 49, waived)],
      undefined,
    ],
    [
      'waived, and the next ends before its own',
      [contract('t', 10, 20, { ...agreed, ...waived }), contract('t', 20, 30, { agreedTo: 40 })],
      cut(20, 30, 40),
    ],
    [
      'after a term that it served, before the next',
      [contract('t', 10, 20, { agreedTo: 20 }), contract('t', 20, 30, { agreedTo: 40 })],
      cut(20, 30, 40),
    ],
    [
      'of two terms before the longer',
      [contract('t', 10, 20, agreed), contract('t', 20, 30, { agreedTo: 40 })],
      cut(10, 30),
    ],
  ])('a contract ends %s', (_, all, expected) => {
    for (const one of all.filter((each) => each.tariff === 't' && each.period.from <= 20))
      expect(termCutShort(one, all.toReversed())).toEqual(expected)
  })
})
