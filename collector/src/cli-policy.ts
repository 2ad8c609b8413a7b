import { parseArgs } from 'node:util'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { choices, integer, list, text } from '@vouch/proto/kernel/setting.ts'
import type { SettingParser } from '@vouch/proto/kernel/setting.ts'
import { SOURCES } from '@vouch/proto/kernel/source.ts'
import type { PolicyRecord } from './fleet/ports.ts'

/** What a policy leaves as it is where it is not given. */
export type PolicyChange = Partial<Omit<PolicyRecord, 'version'>>

/** Commands about sampling policies. */
export type PolicyCommand =
  | { readonly name: 'policy list'; readonly all: boolean; readonly json: boolean }
  | {
      readonly name: 'policy set'
      readonly group: string
      readonly change: PolicyChange
      readonly by: string
      readonly reason: string
    }

/** Lines of --help. */
export const POLICY_HELP = `  vouch-collector policy list [--all] [--json]
                                 the sampling policy of each group of agents, or all there ever were
  vouch-collector policy set GROUP --by NAME [--reason TEXT] [--cadence-ms N] [--batch-interval-ms N]
      [--sources LIST] [--dimensions LIST] [--spool-bytes-max N] [--spool-age-max-ms N] [--valid-ms N]
                                 put a policy in force; what is not given stays as it was
`

const INTERVAL = integer({ min: 100, max: 3_600_000 })
const DAY_MS = 86_400_000
const BY = text({ max: 200 })

/** Reads the name of a group. */
export const parseGroup: SettingParser<string> = (value) =>
  /^[a-z0-9][a-z0-9._-]{0,62}$/.test(value)
    ? ok(value)
    : fail('FIELD_INVALID', 'must be 1 to 63 lower-case letters, digits and ._-')

/** Each option of a policy, and how it is read; an empty list means what the agents' settings say. */
const FIELDS: Readonly<Record<string, SettingParser<PolicyChange>>> = {
  'cadence-ms': as(INTERVAL, (cadenceMs) => ({ cadenceMs })),
  'batch-interval-ms': as(INTERVAL, (batchIntervalMs) => ({ batchIntervalMs })),
  sources: as(
    (value) => (value === '' ? ok([]) : choices(SOURCES)(value)),
    (sources) => ({ sources }),
  ),
  dimensions: as(
    (value) => (value === '' ? ok([]) : list({ max: 100 })(value)),
    (dimensions) => ({ dimensions }),
  ),
  'spool-bytes-max': as(integer({ min: 65_536, max: 2 ** 40 }), (bytes) => ({
    spoolBytesMax: BigInt(bytes),
  })),
  'spool-age-max-ms': as(integer({ min: 60_000, max: 366 * DAY_MS }), (ms) => ({
    spoolAgeMaxMs: BigInt(ms),
  })),
  'valid-ms': as(integer({ min: 60_000, max: 366 * DAY_MS }), (validMs) => ({ validMs })),
}

function as<T>(parse: SettingParser<T>, field: (value: T) => PolicyChange): SettingParser<PolicyChange> {
  return (value) => {
    const parsed = parse(value)
    return parsed.ok ? ok(field(parsed.value)) : parsed
  }
}

/** Reads `policy …`. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID. */
export function parsePolicyCommand(args: readonly string[]): Result<PolicyCommand> {
  const isSet = args[1] === 'set'
  if (!isSet && args[1] !== 'list')
    return fail('FIELD_UNKNOWN', `${args.slice(0, 2).join(' ')} is not a command; see --help`)
  const names = isSet ? [...Object.keys(FIELDS), 'by', 'reason'] : []
  const string = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = isSet ? Object.fromEntries(names.map((name) => [name, string])) : { all: flag, json: flag }
  let parsed
  try {
    parsed = parseArgs({ args: args.slice(2), allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', `policy: ${error instanceof Error ? error.message : String(error)}`)
  }
  const values = parsed.values as Readonly<Record<string, string | boolean | undefined>>
  const [group, ...rest] = parsed.positionals
  const extra = isSet ? rest[0] : group
  if (extra !== undefined) return fail('FIELD_UNKNOWN', `policy takes no argument ${extra}; see --help`)
  if (!isSet) return ok({ name: 'policy list', all: values['all'] === true, json: values['json'] === true })
  return setCommand(group, values)
}

function setCommand(
  group: string | undefined,
  values: Readonly<Record<string, string | boolean | undefined>>,
): Result<PolicyCommand> {
  if (group === undefined || values['by'] === undefined)
    return fail('FIELD_MISSING', 'policy set needs the name of a group and --by')
  const named = parseGroup(group)
  if (!named.ok) return fail('FIELD_INVALID', `a group ${named.fault.message}`)
  const by = BY(String(values['by']))
  if (!by.ok) return fail('FIELD_INVALID', `--by ${by.fault.message}`)
  const changes: PolicyChange[] = []
  for (const [option, parse] of Object.entries(FIELDS)) {
    const value = values[option]
    if (value === undefined) continue
    const field = parse(String(value))
    if (!field.ok) return fail('FIELD_INVALID', `--${option} ${field.fault.message}`)
    changes.push(field.value)
  }
  if (changes.length === 0)
    return fail(
      'FIELD_MISSING',
      `policy set needs one of ${Object.keys(FIELDS)
        .map((name) => `--${name}`)
        .join(', ')}`,
    )
  const change: PolicyChange = Object.assign({}, ...changes) as PolicyChange
  return ok({ name: 'policy set', group, change, by: by.value, reason: String(values['reason'] ?? '') })
}
