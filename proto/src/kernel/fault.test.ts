import { readFileSync } from 'node:fs'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FAULTS, FaultError, collect, fail, faultLines, ok, summarise, throwFault, unwrap } from './fault.ts'
import { BILLING_FAULTS, NUMBER_FAULTS, PROOF_FAULTS, RATING_FAULTS, TIME_FAULTS } from './faults/billing.ts'
import { GRPC } from './faults/entry.ts'
import { BATCH_FAULTS, DEVICE_FAULTS, IDENTITY_FAULTS } from './faults/metering.ts'
import { CONFIG_FAULTS, GENERAL_FAULTS, HTTP_FAULTS, STORE_FAULTS } from './faults/platform.ts'

const documented = readFileSync(new URL('../../FAULTS.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

describe('the closed list', () => {
  it('is the list of FAULTS.md, to the word and in its order', () => {
    const listed = Object.entries(FAULTS).map(([code, entry]) => {
      return [`\`${code}\``, `${entry.http}`, `${entry.grpc}`, entry.meaning, entry.remedy]
    })
    expect(documented).toEqual(listed)
  })

  it('names no code twice', () => {
    const groups = [
      IDENTITY_FAULTS,
      BATCH_FAULTS,
      DEVICE_FAULTS,
      STORE_FAULTS,
      CONFIG_FAULTS,
      NUMBER_FAULTS,
      TIME_FAULTS,
    ]
      .map((group) => Object.keys(group))
      .concat(
        [RATING_FAULTS, BILLING_FAULTS, HTTP_FAULTS, PROOF_FAULTS, GENERAL_FAULTS].map((g) => Object.keys(g)),
      )
      .flat()
    expect(groups).toEqual(Object.keys(FAULTS))
  })

  it.each(Object.entries(FAULTS))('%s says what happened and what to do', (code, entry) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
    expect(entry.http).toBeGreaterThanOrEqual(400)
    expect(entry.http).toBeLessThan(600)
    expect(Object.values(GRPC)).toContain(entry.grpc)
    for (const sentence of [entry.meaning, entry.remedy]) expect(sentence).toMatch(/^[A-Z][^|\n]{10,120}\.$/)
  })
})

describe('results', () => {
  it('collect keeps all values in order, or all faults', () => {
    const results = fc.array(
      fc.oneof(
        fc.integer().map((value) => ok(value)),
        fc.string().map((message) => fail('FIELD_INVALID', message)),
      ),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(results, (list) => {
        const faults = list.flatMap((result) => (result.ok ? [] : [result.fault]))
        const collected = collect<number>(list)
        if (collected.ok) {
          expect(faults).toEqual([])
          expect(collected.value).toEqual(list.map((result) => unwrap<number>(result)))
        } else {
          expect(collected.fault.causes ?? [collected.fault]).toEqual(faults)
          expect(collected.fault.code).toBe(faults[0]?.code)
        }
      }),
    )
  })

  it('a fault crosses a throw unchanged', () => {
    const failure = fail('NOT_FOUND', 'no account a', { pointer: '/account', detail: { id: 'a' } })
    expect(() => unwrap(failure)).toThrow(new FaultError(failure.fault))
    try {
      throwFault('NOT_FOUND', 'no account a', { pointer: '/account', detail: { id: 'a' } })
    } catch (error) {
      expect(error).toBeInstanceOf(FaultError)
      expect(error).toMatchObject({ fault: failure.fault, message: 'NOT_FOUND: no account a' })
    }
    expect.assertions(3)
  })

  it('unwrap gives the value of a success', () => {
    expect(unwrap(ok(1))).toBe(1)
    expect(unwrap(ok(undefined))).toBeUndefined()
  })
})

it('is told in words, each cause with its place in the input', () => {
  const place = fail('CONFIG_INVALID', 'must be text', { pointer: '/devices/0/name' }).fault
  const setting = fail('CONFIG_MISSING', 'set VOUCH_X', { pointer: 'VOUCH_X' }).fault
  expect(faultLines(place)).toEqual(['CONFIG_INVALID at /devices/0/name: must be text'])
  expect(faultLines(summarise([setting, place]).fault)).toEqual([
    'CONFIG_MISSING: set VOUCH_X',
    'CONFIG_INVALID at /devices/0/name: must be text',
  ])
})
