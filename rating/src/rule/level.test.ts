import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { describe, expect, test } from 'vitest'
import type { ProrationBasis } from '../tariff/proration.ts'
import { exactText } from '../tariff/trace.ts'
import { MARCH, at, between, exact, huge } from '../testing/rules.ts'
import { averageLevels } from './level.ts'
import type { LevelChange, Usage } from './types.ts'

type Changes = readonly (readonly [when: string, change: string])[]

const NOON = '2026-03-15T12:00:00'
const changeOf = (when: string, change: string, more: Partial<LevelChange> = {}): LevelChange => ({
  meter: 'seats',
  resource: 'team',
  dimensions: {},
  atMs: at(when),
  change: exact(change),
  ...more,
})
const averages = (changes: readonly LevelChange[], part = MARCH, basis: ProrationBasis = 'day'): Usage[] =>
  averageLevels(changes, part, MARCH, '1', { basis, zone: 'UTC' })
const average = (changes: Changes, part = MARCH, basis: ProrationBasis = 'day'): string[] =>
  averages(
    changes.map(([when, change]) => changeOf(when, change)),
    part,
    basis,
  ).map(({ quantity }) => exactText(quantity))

describe('of a month of 31 days', () => {
  test.each<[string, Changes, string[]]>([
    ['no change', [], []],
    ['a change of nothing', [['2026-03-01', '0']], ['0']],
    ['from before it', [['2020-01-01', '10']], ['10']],
    ['from its first instant', [['2026-03-01', '10']], ['10']],
    ['from its second day', [['2026-03-02', '31']], ['30']],
    ['on its last day', [['2026-03-31', '31']], ['1']],
    ['at its end', [['2026-04-01', '31']], ['0']],
    ['no decimal', [['2026-03-11', '1']], ['21/31']],
    ['thirds', [['2026-03-01', '1/3']], ['1/3']],
    ['below zero', [['2026-03-02', '-31']], ['-30']],
    ['very much', [['2026-03-01', huge(30)]], [huge(30)]],
    [
      'up and down again',
      [
        ['2026-03-11', '31'],
        ['2026-03-16', '-31'],
      ],
      ['5'],
    ],
    [
      'in any order',
      [
        ['2026-03-16', '-31'],
        ['2026-03-11', '31'],
      ],
      ['5'],
    ],
    [
      'up and down at once',
      [
        ['2026-03-11', '31'],
        ['2026-03-11', '-31'],
      ],
      ['0'],
    ],
    [
      'up twice',
      [
        ['2026-02-01', '10'],
        ['2026-03-16', '31'],
      ],
      ['26'],
    ],
  ])('%s', (_, changes, expected) => {
    expect(average(changes)).toEqual(expected)
  })

  test.each<[ProrationBasis, string]>([
    ['second', '16.5'],
    ['day', '16'],
    ['day-inclusive', '17'],
    ['fixed-30', '15.5'],
    ['none', '31'],
  ])('from the noon of the 15th by %s', (basis, expected) => {
    expect(average([[NOON, '31']], MARCH, basis)).toEqual([expected])
  })
})

test('parts of the month add up to it', () => {
  const changes: Changes = [
    ['2026-03-02', '31'],
    [NOON, '-31'],
    ['2026-03-20', '62'],
  ]
  const parts = [between('2026-03-01', '2026-03-16'), between('2026-03-16', '2026-04-01')]
  const of = (part = MARCH): string[] =>
    average(
      changes.filter(([when]) => at(when) < part.to),
      part,
    )
  expect(parts.map((part) => of(part))).toEqual([['14'], ['24']])
  expect(of()).toEqual(['38'])
  expect(parts.flatMap((part) => of(part).map(exact)).reduce(add, ZERO)).toEqual(exact('38'))
})

test('each resource with its dimensions is one', () => {
  const one = changeOf('2026-03-01', '1', { dimensions: { plan: 'gold', region: 'eu' } })
  const turned = { ...one, change: exact('2'), dimensions: { region: 'eu', plan: 'gold' } }
  const other = { ...one, change: exact('4'), dimensions: { region: 'us', plan: 'gold' } }
  const elsewhere = { ...one, change: exact('8'), resource: 'crew' }
  const metered = { ...one, change: exact('16'), meter: 'rooms' }
  const found = averages([one, turned, other, elsewhere, metered])
  expect(found.map(({ quantity }) => exactText(quantity))).toEqual(['3', '4', '8', '16'])
  expect(found.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  expect(found[0]).toMatchObject({ meter: 'seats', resource: 'team', period: MARCH, unit: '1' })
})
