import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readOperatorConfig } from '../config.ts'
import { parseRetentionClasses, retentionPolicy } from './policy.ts'
import type { RetentionPolicy } from './policy.ts'
import { ttlOf } from './ttl.ts'

const BASE = { VOUCH_DATABASE_URL: 'postgresql://vouch@127.0.0.1/vouch' }

const policyOf = (env: Readonly<Record<string, string>>): RetentionPolicy =>
  unwrap(retentionPolicy(unwrap(readOperatorConfig({ ...BASE, ...env }))))

const R = 'VOUCH_COLLECTOR_RETENTION_READINGS_DAYS'
const H = 'VOUCH_COLLECTOR_RETENTION_HOURS_DAYS'
const B = 'VOUCH_COLLECTOR_RETENTION_BATCHES_DAYS'
const COLD = 'VOUCH_COLLECTOR_RETENTION_COLD_AFTER_DAYS'
const C = 'VOUCH_COLLECTOR_RETENTION_CLASSES'
const AGE = 'VOUCH_COLLECTOR_AGE_MAX_MS'
const POLICY = 'VOUCH_CLICKHOUSE_STORAGE_POLICY'

const days = fc.option(fc.integer({ min: 1, max: 900 }), { nil: undefined })

describe('a policy', () => {
  it('that is accepted keeps hours and batches as long as readings, and readings as long as they may be late', () => {
    const settings = fc.record({
      retentionReadingsDays: days,
      retentionHoursDays: days,
      retentionBatchesDays: days,
      retentionColdAfterDays: days,
      retentionClasses: fc
        .dictionary(
          fc.constantFrom('host.cpu', 'host.disk', 'host'),
          fc.record({ readingsDays: days, hoursDays: days }, { requiredKeys: [] }),
        )
        .map((classes) => new Map(Object.entries(classes))),
      clickhouseStoragePolicy: fc.constantFrom('tiered', undefined),
      clickhouseColdVolume: fc.constant('cold'),
      ageMaxMs: fc.integer({ min: 1, max: 500 }).map((count) => count * 86_400_000),
    })
    const forEver = (value: number | undefined): number => value ?? Infinity
    let accepted = 0
    fc.assert(
      fc.property(settings, (given) => {
        const result = retentionPolicy(given)
        if (!result.ok) {
          expect(result.fault.code).toBe('CONFIG_INVALID')
          return
        }
        accepted += 1
        const policy = result.value
        for (const kept of [policy, ...policy.classes.values()]) {
          expect(forEver(kept.hoursDays)).toBeGreaterThanOrEqual(forEver(kept.readingsDays))
          expect(forEver(policy.batchesDays)).toBeGreaterThanOrEqual(forEver(kept.readingsDays))
          expect(forEver(kept.readingsDays) * 86_400_000).toBeGreaterThanOrEqual(given.ageMaxMs)
          if (policy.coldAfterDays !== undefined)
            expect(policy.coldAfterDays).toBeLessThan(forEver(kept.readingsDays))
        }
        if (policy.coldAfterDays !== undefined) expect(policy.storagePolicy).toBe('tiered')
      }),
      { numRuns: 10_000 },
    )
    expect(accepted).toBeGreaterThan(20)
  })

  it.each<[string, Readonly<Record<string, string>>, string, RegExp]>([
    ['hours shorter than readings', { [R]: '500', [H]: '450' }, R, /hours of every other class.*450/],
    ['batches shorter than readings', { [R]: '500', [B]: '450' }, B, /batches are kept for 450/],
    [
      'batches shorter than a class',
      { [R]: '500', [B]: '600', [C]: 'host.disk:readingsDays=700' },
      B,
      /host\.disk/,
    ],
    ['batches limited, readings not', { [B]: '500' }, B, /batches are kept for 500/],
    ['shorter than a reading may be late', { [R]: '399' }, R, /up to 400 days late/],
    ['a class shorter than that', { [C]: 'host.disk:readingsDays=10' }, C, /host\.disk are kept for 10 days/],
    ['cold after delete', { [R]: '500', [COLD]: '500', [POLICY]: 'tiered' }, COLD, /after 500 days/],
    ['cold without a policy', { [COLD]: '30' }, POLICY, /VOUCH_CLICKHOUSE_STORAGE_POLICY/],
    ['a class written otherwise', { [C]: 'Host:readingsDays=500' }, C, /"Host".*not a class/],
    ['an unknown key', { [C]: 'host.cpu:readingDays=500' }, C, /did you mean readingsDays\?/],
    ['a far key', { [C]: 'host.cpu:x=500' }, C, /known are readingsDays and hoursDays/],
    ['no days', { [C]: 'host.cpu' }, C, /host\.cpu/],
    ['days that are none', { [C]: 'host.cpu:hoursDays=0' }, C, /1 to 18262 days/],
    ['more days than the clock has', { [C]: 'host.cpu:hoursDays=18263' }, C, /1 to 18262 days/],
    ['a class twice', { [C]: 'host.cpu:hoursDays=500;host.cpu:hoursDays=500' }, C, /twice/],
    ['a key twice', { [C]: 'host.cpu:hoursDays=500,hoursDays=500' }, C, /twice/],
  ])('is refused with place and reason: %s', (_, env, where, why) => {
    expect(readOperatorConfig({ ...BASE, ...env })).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', pointer: where, message: expect.stringMatching(why) },
    })
  })

  it('stands in the file too, and inherits what a class does not say', () => {
    const file = {
      retentionReadingsDays: 500,
      retentionClasses: 'host.cpu: hoursDays=800; host.disk: readingsDays=forever',
    }
    const policy = unwrap(retentionPolicy(unwrap(readOperatorConfig(BASE, file))))
    expect(policy.classes.get('host.cpu')).toEqual({ readingsDays: 500, hoursDays: 800 })
    expect(policy.classes.get('host.disk')).toEqual({ readingsDays: undefined, hoursDays: undefined })
    expect(policy.batchesDays).toBeUndefined()
  })

  it('refuses more classes than it bounds', () => {
    const many = Array.from({ length: 101 }, (_, i) => `host.c${i}:hoursDays=500`).join(';')
    expect(parseRetentionClasses(many)).toMatchObject({
      fault: { message: expect.stringMatching(/100 classes/) },
    })
  })
})

describe('the TTL clause', () => {
  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['nothing set', {}, ''],
    ['one for all', { [R]: '500' }, 'toDateTime(last_time) + toIntervalDay(500)'],
    [
      'a class shorter than the rest',
      { [R]: '500', [C]: 'host.cpu:readingsDays=90', [AGE]: '86400000' },
      "toDateTime(last_time) + toIntervalDay(90) WHERE class = 'host.cpu', " +
        "toDateTime(last_time) + toIntervalDay(500) WHERE class NOT IN ('', 'host.cpu'), " +
        "toDateTime(last_time) + toIntervalDay(500) WHERE class = ''",
    ],
    [
      'only a class, and a cold volume',
      { [C]: 'host.cpu:readingsDays=500', [COLD]: '30', [POLICY]: 'tiered' },
      "toDateTime(last_time) + toIntervalDay(500) WHERE class = 'host.cpu', toDateTime(last_time) + toIntervalDay(30) TO VOLUME 'cold'",
    ],
  ])('of readings: %s', (_, env, clause) => {
    expect(ttlOf('segments', policyOf(env))).toBe(clause)
  })

  it('of batches knows no class, and keeps them as long as the longest readings', () => {
    const env = { [R]: '500', [C]: 'host.disk:readingsDays=700' }
    expect(ttlOf('batches', policyOf(env))).toBe('toDateTime(last_time) + toIntervalDay(700)')
    expect(ttlOf('lattice', policyOf(env))).toBe('')
  })
})
