import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { describe, expect, test } from 'vitest'
import { exact, huge, linesIn, named, scopeOf } from '../testing/rules.ts'
import { type SlaRule, applySla } from './sla.ts'
import type { Scope } from './types.ts'

type Lines = readonly (readonly [name: string, amount: string])[]

const band = (below: string, credit: string): SlaRule['bands'][number] => ({
  below: exact(below),
  credit: exact(credit),
})
/** A published schedule. */
const RULE: SlaRule = {
  kind: 'sla-credit',
  id: 'sla',
  name: 'sla',
  of: undefined,
  service: 'web',
  bands: [band('99.9', '10'), band('99', '25'), band('95', '100')],
  minimum: exact('1'),
}
const FEE: Lines = [['fee', '10000']]
/** A service that was expected for so long and was there for so long. */
const upFor = (available: string, expected: string, lines: Lines = FEE): Scope =>
  scopeOf(lines, {
    availability: [
      { service: 'db', expected: exact('1'), available: exact('0') },
      { service: 'web', expected: exact(expected), available: exact(available) },
    ],
  })
const credit = (rule: Partial<SlaRule>, scope: Scope): string[] =>
  linesIn(unwrap(applySla({ ...RULE, ...rule }, scope)))

describe('by availability, in minutes of 30 days', () => {
  test.each<[down: string, available: string, credit: string]>([
    ['0', '43200', ''],
    ['43', '43157', ''],
    ['43.2', '43156.8', ''],
    ['43.201', '43156.799', '-1000'],
    ['44', '43156', '-1000'],
    ['432', '42768', '-1000'],
    ['432.001', '42767.999', '-2500'],
    ['433', '42767', '-2500'],
    ['2160', '41040', '-2500'],
    ['2160.001', '41039.999', '-10000'],
    ['2161', '41039', '-10000'],
    ['43200', '0', '-10000'],
  ])('%s down', (_, available, expected) => {
    expect(credit({}, upFor(available, '43200'))).toEqual(expected === '' ? [] : [`sla-credit ${expected}`])
  })
})

describe('by fee, where a tenth is due', () => {
  test.each<[string, Lines, Partial<SlaRule>, string]>([
    ['no lines', [], {}, ''],
    ['no fee', [['fee', '0']], {}, ''],
    ['a fee that was given back', [['fee', '-10']], { minimum: exact('0') }, ''],
    ['below the minimum', [['fee', '0.90']], {}, ''],
    ['the minimum exactly', [['fee', '10']], {}, ''],
    ['just above', [['fee', '10.01']], {}, '-1.001'],
    ['no minimum', [['fee', '0.90']], { minimum: exact('0') }, '-0.09'],
    ['very much', [['fee', huge(30)]], {}, `-${huge(29)}`],
    ['of one rule', [...FEE, ['use', '500']], { of: ['use'] }, '-50'],
    ['of all', [...FEE, ['use', '500']], {}, '-1050'],
    ['of a rule that is not there', FEE, { of: ['use'] }, ''],
    ['as much as is due', [...FEE, ['promo:discount', '-9000']], { of: ['fee'] }, '-1000'],
    ['more than is due', [...FEE, ['promo:discount', '-9500']], { of: ['fee'] }, '-500'],
    ['no more than the minimum is due', [...FEE, ['promo:discount', '-9999']], { of: ['fee'] }, ''],
    ['nothing is due', [...FEE, ['promo:discount', '-10000']], { of: ['fee'] }, ''],
  ])('%s', (_, lines, rule, expected) => {
    expect(credit(rule, upFor('99.5', '100', lines))).toEqual(
      expected === '' ? [] : [`sla-credit ${expected}`],
    )
  })
})

describe('thirds', () => {
  const bands = [band('200/3', '100/3')]

  test.each<[available: string, expected: string, credit: string[]]>([
    ['2', '3', []],
    ['1.999', '3', ['sla-credit -10000/3']],
    ['1', '3', ['sla-credit -10000/3']],
  ])('%s of %s', (available, expected, lines) => {
    expect(credit({ bands }, upFor(available, expected))).toEqual(lines)
  })
})

test('a service of which nothing is known is a fault', () => {
  expect(applySla(RULE, scopeOf(FEE))).toMatchObject({ ok: false, fault: { code: 'USAGE_INCOMPLETE' } })
})

test('availability, band and cap are steps', () => {
  const steps = (lines: Lines): string[] =>
    unwrap(applySla({ ...RULE, of: ['fee'] }, upFor('98.5', '100', lines))).lines.flatMap(({ trace }) =>
      named(trace),
    )
  const found = ['availability of web, per cent', 'credit below 99 per cent']
  expect(steps(FEE)).toEqual([...found, 'amount half-even EUR'])
  expect(steps([...FEE, ['promo:credit', '-9000']])).toEqual([
    ...found,
    'no more than is due',
    'amount half-even EUR',
  ])
})
