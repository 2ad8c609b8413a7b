import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'

/** Days since they were measured that readings and hours are kept; undefined = for ever. */
export interface ClassRetention {
  readonly readingsDays: number | undefined
  readonly hoursDays: number | undefined
}

/** What is kept for how long. A class that is not named is kept as the policy's own days say. */
export interface RetentionPolicy extends ClassRetention {
  /** Days that signed batches are kept; undefined = for ever. */
  readonly batchesDays: number | undefined
  /** Days after which data moves to the cold volume; undefined = never. */
  readonly coldAfterDays: number | undefined
  readonly coldVolume: string
  /** Storage policy of the tables; undefined = as they are. */
  readonly storagePolicy: string | undefined
  readonly classes: ReadonlyMap<string, ClassRetention>
}

/** Days set for one class; a member that is absent is the default's. */
export type ClassSetting = Readonly<Partial<ClassRetention>>

/** Retention as it stands in the settings; undefined = not set. */
export interface RetentionSettings {
  readonly retentionReadingsDays: number | undefined
  readonly retentionHoursDays: number | undefined
  readonly retentionBatchesDays: number | undefined
  readonly retentionColdAfterDays: number | undefined
  readonly retentionClasses: ReadonlyMap<string, ClassSetting> | undefined
  readonly clickhouseStoragePolicy: string | undefined
  readonly clickhouseColdVolume: string
  /** How old a reading may be when it arrives. */
  readonly ageMaxMs: number
}

/** Most days that can be kept and not for ever: the engine's clock ends in the year 2106. */
export const RETENTION_DAYS_MAX = 18_262

const DAY_MS = 86_400_000
const CLASSES_MAX = 100
const CLASS = /^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)*$/
const KEYS = ['readingsDays', 'hoursDays'] as const
const FOR_EVER = 'forever'

/**
 * Reads `host.network:readingsDays=400,hoursDays=forever;host.disk:readingsDays=500`: classes by
 * semicolon, days by comma. Faults: CONFIG_INVALID.
 */
export function parseRetentionClasses(text: string): Result<ReadonlyMap<string, ClassSetting>> {
  const classes = new Map<string, ClassSetting>()
  for (const entry of text.split(';').map((part) => part.trim())) {
    if (entry === '') continue
    const [name = '', days = ''] = entry.split(':', 2).map((part) => part.trim())
    if (!CLASS.test(name))
      return refuse(`names "${name}", which is not a class; write host.network:readingsDays=400`)
    if (classes.has(name)) return refuse(`names the class ${name} twice`)
    if (classes.size === CLASSES_MAX) return refuse(`names more than ${CLASSES_MAX} classes`)
    const setting = parseDays(name, days)
    if (!setting.ok) return setting
    classes.set(name, setting.value)
  }
  return ok(classes)
}

function parseDays(name: string, text: string): Result<ClassSetting> {
  const setting: { -readonly [K in keyof ClassSetting]: ClassSetting[K] } = {}
  for (const pair of text.split(',').map((part) => part.trim())) {
    const [key = '', value = ''] = pair.split('=', 2).map((part) => part.trim())
    const known = KEYS.find((candidate) => candidate === key)
    if (known === undefined) {
      const suggestion = nearest(key, KEYS)
      return refuse(
        `says "${pair}" of ${name}; ${suggestion === undefined ? `known are ${KEYS.join(' and ')}` : `did you mean ${suggestion}?`}`,
      )
    }
    if (known in setting) return refuse(`says ${known} of ${name} twice`)
    const days = /^[1-9]\d{0,4}$/.test(value) ? Number.parseInt(value, 10) : Number.NaN
    if (value !== FOR_EVER && !(days <= RETENTION_DAYS_MAX))
      return refuse(`must give ${known} of ${name} as 1 to ${RETENTION_DAYS_MAX} days, or as ${FOR_EVER}`)
    setting[known] = value === FOR_EVER ? undefined : days
  }
  return ok(setting)
}

const refuse = (message: string): Result<never> => fail('CONFIG_INVALID', message)

/** The policy that the settings mean. Impossible ones are refused. Faults: CONFIG_INVALID. */
export function retentionPolicy(settings: RetentionSettings): Result<RetentionPolicy> {
  const own = { readingsDays: settings.retentionReadingsDays, hoursDays: settings.retentionHoursDays }
  const classes = new Map(
    [...(settings.retentionClasses ?? [])].map(([name, setting]) => [name, { ...own, ...setting }] as const),
  )
  const kept = [...classes.values(), own]
  const policy: RetentionPolicy = {
    ...own,
    classes,
    // A batch holds readings of many classes: it stays as long as the last of them.
    batchesDays: settings.retentionBatchesDays ?? longest(kept.map(({ readingsDays }) => readingsDays)),
    coldAfterDays: settings.retentionColdAfterDays,
    coldVolume: settings.clickhouseColdVolume,
    storagePolicy: settings.clickhouseStoragePolicy,
  }
  const impossible = contradiction(policy, settings.ageMaxMs)
  if (impossible === undefined) return ok(policy)
  return fail('CONFIG_INVALID', impossible.why, { pointer: impossible.where })
}

/** The longest of some retentions; undefined = for ever. */
export function longest(days: readonly (number | undefined)[]): number | undefined {
  return days.includes(undefined) ? undefined : Math.max(...days.map((value) => value ?? 0))
}

const outlives = (a: number | undefined, b: number | undefined): boolean =>
  b !== undefined && (a === undefined || a > b)

/** The first thing in a policy that cannot be meant, and the setting it stands in. */
function contradiction(
  policy: RetentionPolicy,
  ageMaxMs: number,
): { readonly where: string; readonly why: string } | undefined {
  const { batchesDays, coldAfterDays, storagePolicy } = policy
  const all: [string, ClassRetention][] = [['every other class', policy], ...policy.classes]
  for (const [name, { readingsDays, hoursDays }] of all) {
    const where = policy.classes.has(name)
      ? 'VOUCH_COLLECTOR_RETENTION_CLASSES'
      : 'VOUCH_COLLECTOR_RETENTION_READINGS_DAYS'
    if (readingsDays !== undefined && readingsDays * DAY_MS < ageMaxMs)
      return {
        where,
        why: `readings of ${name} are kept for ${readingsDays} days, yet taken up to ${Math.ceil(ageMaxMs / DAY_MS)} days late; keep them longer or lower VOUCH_COLLECTOR_AGE_MAX_MS`,
      }
    if (outlives(readingsDays, hoursDays))
      return {
        where,
        why: `hours of ${name} are kept for ${hoursDays} days, less than its readings; keep them as long`,
      }
    if (outlives(readingsDays, batchesDays))
      return {
        where: 'VOUCH_COLLECTOR_RETENTION_BATCHES_DAYS',
        why: `batches are kept for ${batchesDays} days, less than the readings of ${name}, which need them as evidence; keep them as long`,
      }
    if (coldAfterDays !== undefined && readingsDays !== undefined && coldAfterDays >= readingsDays)
      return {
        where: 'VOUCH_COLLECTOR_RETENTION_COLD_AFTER_DAYS',
        why: `data moves to the cold volume after ${coldAfterDays} days, when readings of ${name} are deleted already; move them earlier`,
      }
  }
  if (coldAfterDays === undefined || storagePolicy !== undefined) return undefined
  return {
    where: 'VOUCH_CLICKHOUSE_STORAGE_POLICY',
    why: 'a cold volume needs a storage policy that has it; set VOUCH_CLICKHOUSE_STORAGE_POLICY',
  }
}
