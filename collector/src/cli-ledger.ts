import { parseArgs } from 'node:util'
import { FAULTS, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import { isUuid } from '@vouch/proto/kernel/id.ts'
import { parseInstant } from '@vouch/proto/kernel/instant.ts'
import type { GapFilter } from './clickhouse/gaps.ts'
import type { QuarantineFilter } from './quarantine/ports.ts'
import type { Decider } from './quarantine/redrive.ts'

/** Commands about what was not taken, and what is missing. */
export type LedgerCommand =
  | { readonly name: 'quarantine list'; readonly filter: QuarantineFilter; readonly json: boolean }
  | { readonly name: 'quarantine show'; readonly id: string }
  | { readonly name: 'quarantine redrive'; readonly filter: QuarantineFilter; readonly decider: Decider }
  | { readonly name: 'quarantine discard'; readonly filter: QuarantineFilter; readonly decider: Decider }
  | { readonly name: 'gaps list'; readonly filter: GapFilter; readonly json: boolean }

/** Ids that one command takes. */
const IDS_MAX = 1_000
const TEXT_MAX = 500

/** Options that each command reads; any other is refused. */
const OPTIONS: Readonly<Record<LedgerCommand['name'], readonly string[]>> = {
  'quarantine list': ['agent', 'code', 'state', 'json'],
  'quarantine show': [],
  'quarantine redrive': ['agent', 'code', 'all', 'by', 'reason'],
  'quarantine discard': ['by', 'reason'],
  'gaps list': ['agent', 'from', 'to', 'json'],
}

type Values = Readonly<Record<string, string | boolean | undefined>>

/** Reads `quarantine …` and `gaps …`. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID, INSTANT_INVALID. */
export function parseLedgerCommand(args: readonly string[]): Result<LedgerCommand> {
  const name = args.slice(0, 2).join(' ')
  if (!isLedger(name)) return fail('FIELD_UNKNOWN', `${name} is not a command; see --help`)
  const options = Object.fromEntries(
    OPTIONS[name].map((option) => [
      option,
      { type: /^(json|all)$/.test(option) ? 'boolean' : 'string' } as const,
    ]),
  )
  let parsed
  try {
    parsed = parseArgs({ args: args.slice(2), allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', `${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
  // Every option above is a single string or flag.
  const values = parsed.values as Values
  const ids = parsed.positionals
  if (name.endsWith(' list') && ids.length > 0)
    return fail('FIELD_UNKNOWN', `${name} takes no argument ${ids[0]}; see --help`)
  if (ids.length > IDS_MAX) return fail('FIELD_INVALID', `at most ${IDS_MAX} ids at once; or use --all`)
  const wrong = ids.find((id) => !isUuid(id))
  if (wrong !== undefined)
    return fail(
      'FIELD_INVALID',
      `${wrong}: the id of a quarantined batch is a UUID, as \`quarantine list\` prints it`,
    )
  return build(name, values, ids)
}

function isLedger(name: string): name is LedgerCommand['name'] {
  return Object.hasOwn(OPTIONS, name)
}

function build(name: LedgerCommand['name'], values: Values, ids: readonly string[]): Result<LedgerCommand> {
  const json = values['json'] === true
  switch (name) {
    case 'gaps list': {
      const filter = gapFilter(values)
      return filter.ok ? ok({ name, filter: filter.value, json }) : filter
    }
    case 'quarantine list': {
      const filter = entryFilter(values, text(values['state']) ?? 'open')
      return filter.ok ? ok({ name, filter: filter.value, json }) : filter
    }
    case 'quarantine show': {
      const [id] = ids
      if (id === undefined || ids.length > 1)
        return fail('FIELD_MISSING', 'quarantine show needs the id that `quarantine list` prints, one')
      return ok({ name, id })
    }
    case 'quarantine redrive':
    case 'quarantine discard':
      return deciding(name, values, ids)
    default:
      throw new Error(`not a command: ${String(name satisfies never)}`)
  }
}

function deciding(
  name: 'quarantine redrive' | 'quarantine discard',
  values: Values,
  ids: readonly string[],
): Result<LedgerCommand> {
  const all = values['all'] === true
  const narrowed = values['agent'] !== undefined || values['code'] !== undefined
  if (all === ids.length > 0) {
    const what = name === 'quarantine redrive' ? 'ids, or --all' : 'ids'
    return fail(all ? 'FIELD_INVALID' : 'FIELD_MISSING', `${name} needs ${what}`)
  }
  if (narrowed && !all)
    return fail('FIELD_INVALID', '--agent and --code narrow --all; they do not go with ids')
  const by = text(values['by'])
  if (by === undefined) return fail('FIELD_MISSING', `${name} needs --by NAME: who decides`)
  const reason = text(values['reason'])
  if (reason === undefined && name === 'quarantine discard')
    return fail('FIELD_MISSING', `${name} needs --reason TEXT: what is given up, and why`)
  for (const [option, given] of [
    ['by', by],
    ['reason', reason ?? 'none'],
  ] as const) {
    if (given.length > TEXT_MAX || given.trim() === '' || /\p{Cc}/u.test(given))
      return fail('FIELD_INVALID', `--${option} is one line of 1 to ${TEXT_MAX} characters`)
  }
  const filter = all
    ? entryFilter(values, 'open')
    : ok({ ids: [...new Set(ids.map((id) => id.toLowerCase()))] })
  return filter.ok ? ok({ name, filter: filter.value, decider: { by, reason: reason ?? '' } }) : filter
}

function entryFilter(values: Values, state: string): Result<QuarantineFilter> {
  const agentId = agentOf(values)
  if (!agentId.ok) return agentId
  const code = text(values['code'])
  if (code !== undefined && !isCode(code)) return fail('FIELD_INVALID', `${code} is not a code of FAULTS.md`)
  if (state === 'all') return ok({ agentId: agentId.value, code })
  if (state !== 'open' && state !== 'redriven' && state !== 'discarded')
    return fail('FIELD_INVALID', '--state is open, redriven, discarded or all')
  return ok({ agentId: agentId.value, code, state })
}

function gapFilter(values: Values): Result<GapFilter> {
  const agentId = agentOf(values)
  if (!agentId.ok) return agentId
  const [from, to] = [text(values['from']), text(values['to'])].map((given) =>
    given === undefined ? ok(undefined) : parseInstant(given),
  )
  if (!from!.ok) return from!
  if (!to!.ok) return to!
  const [fromMs, toMs] = [from!.value, to!.value]
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs)
    return fail('FIELD_INVALID', '--from lies before --to')
  return ok({ agentId: agentId.value, fromMs, toMs })
}

function agentOf(values: Values): Result<string | undefined> {
  const agent = text(values['agent'])
  if (agent === undefined || /^[0-9a-f]{32}$/.test(agent)) return ok(agent)
  return fail('FIELD_INVALID', 'an agent id is 32 hexadecimal digits')
}

function isCode(code: string): code is FaultCode {
  return Object.hasOwn(FAULTS, code)
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
