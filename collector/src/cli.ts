import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parseAddress } from '@vouch/proto/kernel/address.ts'
import { CONFIG_FILE_ENV } from '@vouch/proto/kernel/config.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { parse } from 'yaml'
import { AUDIT_HELP, AUDIT_OPTIONS, isAuditName, parseAudit } from './audit-command.ts'
import type { AuditCommand } from './audit-command.ts'
import { parseLedgerCommand } from './cli-ledger.ts'
import type { LedgerCommand } from './cli-ledger.ts'
import { POLICY_HELP, parseGroup, parsePolicyCommand } from './cli-policy.ts'
import type { PolicyCommand } from './cli-policy.ts'
import { describeCollectorConfig, readCollectorConfig, readOperatorConfig } from './config.ts'
import type { CollectorConfig } from './config.ts'
import type { AgentState } from './fleet/ports.ts'

/** What the command line asks for. */
export type Command =
  | { readonly name: 'run' }
  | { readonly name: 'check-config' }
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | OperatorCommand

/** A command that does one thing and ends. */
export type OperatorCommand =
  | { readonly name: 'migrate' }
  | {
      readonly name: 'agents list'
      readonly json: boolean
      readonly silent: boolean
      readonly shared: boolean
      readonly state: AgentState | undefined
    }
  | { readonly name: 'agents show'; readonly agentId: Uint8Array; readonly json: boolean }
  | { readonly name: 'retention apply' }
  | { readonly name: 'retention show' }
  | { readonly name: 'token create'; readonly ttlMs: number; readonly label: string; readonly group: string }
  | { readonly name: 'agents revoke'; readonly agentId: Uint8Array; readonly reason: string }
  | {
      readonly name: 'agents move'
      readonly agentId: Uint8Array
      readonly group: string
      readonly by: string
    }
  | {
      readonly name: 'agents enrol-file'
      /** Files: what the agent wrote, and what is written for it. */
      readonly request: string
      readonly answer: string
      readonly group: string
    }
  | {
      readonly name: 'agents pull'
      readonly agentId: Uint8Array
      /** Undefined = dialled no more. */
      readonly address: string | undefined
    }
  | AuditCommand
  | LedgerCommand
  | PolicyCommand

const STATES: readonly AgentState[] = ['active', 'revoked', 'quarantined', 'decommissioned']
const TTL_MS = 3_600_000
const TTL_MAX_MS = 30 * 86_400_000

/** Text of --help. */
export function helpText(): string {
  return `vouch-collector: takes in signed meter readings

  vouch-collector [run]          serve agents until SIGTERM
  vouch-collector migrate        bring both schemas to this version and stop
  vouch-collector token create [--ttl-ms N] [--label TEXT] [--group NAME]
                                 print a single-use enrolment token, once
  vouch-collector agents list [--json] [--silent] [--shared] [--state active|revoked|quarantined|decommissioned]
                                 agents: last seen, lag, clock offset, batches in the spool
  vouch-collector agents show ID [--json]
                                 everything known about one agent
  vouch-collector agents revoke ID --reason TEXT
                                 refuse an agent from now on, for good
  vouch-collector agents move ID --group NAME --by NAME
                                 put an agent in another group, under its policy
  vouch-collector agents enrol-file REQUEST --answer FILE [--group NAME]
                                 enrol an agent that cannot dial by its request, and write the answer for it
  vouch-collector agents pull ID HOST:PORT|off
                                 dial an agent that cannot dial, or no longer
${POLICY_HELP}  vouch-collector quarantine list [--agent ID] [--code C] [--state open|redriven|discarded|all] [--json]
                                 batches whose readings were not taken
  vouch-collector quarantine show ID
                                 one of them, with its bytes
  vouch-collector quarantine redrive ID… | --all [--agent ID] [--code C]  --by NAME [--reason TEXT]
                                 check again with the settings of now, and take the readings
  vouch-collector quarantine discard ID… --by NAME --reason TEXT
                                 give the readings up; nothing is deleted
  vouch-collector gaps list [--agent ID] [--from T] [--to T] [--json]
                                 what is known to be missing
  vouch-collector retention apply
                                 bring the tables to the retention in the settings
  vouch-collector retention show what is kept for how long, and what is stored
${AUDIT_HELP}  vouch-collector check-config   check the settings and stop
  vouch-collector --help | --version

With the embedded engine, \`agents enrol-file\`, \`quarantine\`, \`gaps\`, \`retention\`, \`audit\` and \`migrate\` need the collector to be stopped: one
process at a time has the data directory. Settings, from the environment or the YAML file that
VOUCH_CONFIG_FILE names (camelCase keys):
${describeCollectorConfig()}`
}

/** Reads the command line. Faults: FIELD_UNKNOWN, FIELD_MISSING, FIELD_INVALID. */
export function parseCommand(args: readonly string[]): Result<Command> {
  // Anything but a plea for help: these read their own options, and refuse all others.
  if (/^(quarantine|gaps)$/.test(args[0] ?? '') && !args.includes('--help')) return parseLedgerCommand(args)
  if (args[0] === 'policy' && !args.includes('--help')) return parsePolicyCommand(args)
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    ...AUDIT_OPTIONS,
    help: flag,
    version: flag,
    'ttl-ms': text,
    label: text,
    reason: text,
    state: text,
    group: text,
    by: text,
    answer: text,
    json: flag,
    silent: flag,
    shared: flag,
  }
  let parsed
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help === true) return ok({ name: 'help' })
  if (values.version === true) return ok({ name: 'version' })
  const name = positionals.slice(0, 2).join(' ') || 'run'
  const argument = positionals[2]
  if (isAuditName(name)) return parseAudit(name, values)
  switch (name) {
    case 'run':
    case 'migrate':
    case 'check-config':
    case 'retention apply':
    case 'retention show':
      return ok({ name })
    case 'agents list':
      return listCommand(values.state, values.json === true, values)
    case 'agents show': {
      const agentId = agentIdOf(argument)
      return agentId.ok ? ok({ name, agentId: agentId.value, json: values.json === true }) : agentId
    }
    case 'token create':
      return tokenCommand(values['ttl-ms'], values.label ?? '', values.group ?? 'default')
    case 'agents move':
      return moveCommand(argument, values.group, values.by)
    case 'agents enrol-file':
      return enrolFileCommand(argument, values.answer, values.group ?? 'default')
    case 'agents pull':
      return pullCommand(argument, positionals[3])
    case 'agents revoke':
      return revokeCommand(argument, values.reason)
    default:
      return fail('FIELD_UNKNOWN', `${name} is not a command; see --help`)
  }
}

function tokenCommand(ttl: string | undefined, label: string, group: string): Result<Command> {
  if (ttl !== undefined && !/^[1-9]\d{0,12}$/.test(ttl))
    return fail('FIELD_INVALID', '--ttl-ms is a number of milliseconds')
  const ttlMs = ttl === undefined ? TTL_MS : Number.parseInt(ttl, 10)
  if (ttlMs > TTL_MAX_MS) return fail('FIELD_INVALID', `--ttl-ms is at most ${TTL_MAX_MS}`)
  const named = parseGroup(group)
  if (!named.ok) return fail('FIELD_INVALID', `--group ${named.fault.message}`)
  return ok({ name: 'token create', ttlMs, label, group })
}

function listCommand(
  state: string | undefined,
  json: boolean,
  only: { readonly silent?: boolean; readonly shared?: boolean },
): Result<Command> {
  const known = STATES.find((each) => each === state)
  if (state !== undefined && known === undefined)
    return fail('FIELD_INVALID', `--state is one of ${STATES.join(', ')}`)
  return ok({
    name: 'agents list',
    json,
    silent: only.silent === true,
    shared: only.shared === true,
    state: known,
  })
}

function agentIdOf(id: string | undefined): Result<Uint8Array> {
  if (id === undefined) return fail('FIELD_MISSING', 'the command needs an agent id')
  if (!/^[0-9a-f]{32}$/.test(id)) return fail('FIELD_INVALID', 'an agent id is 32 hexadecimal digits')
  return ok(Uint8Array.fromHex(id))
}

function moveCommand(
  id: string | undefined,
  group: string | undefined,
  by: string | undefined,
): Result<Command> {
  if (id === undefined || group === undefined || by === undefined || by === '')
    return fail('FIELD_MISSING', 'agents move needs an agent id, --group and --by')
  const named = parseGroup(group)
  if (!named.ok) return fail('FIELD_INVALID', `--group ${named.fault.message}`)
  const agentId = agentIdOf(id)
  return agentId.ok ? ok({ name: 'agents move', agentId: agentId.value, group, by }) : agentId
}

function enrolFileCommand(
  request: string | undefined,
  answer: string | undefined,
  group: string,
): Result<Command> {
  if (request === undefined || answer === undefined)
    return fail('FIELD_MISSING', 'agents enrol-file needs the file of the request, and --answer')
  const named = parseGroup(group)
  if (!named.ok) return fail('FIELD_INVALID', `--group ${named.fault.message}`)
  return ok({ name: 'agents enrol-file', request, answer, group })
}

function pullCommand(id: string | undefined, address: string | undefined): Result<Command> {
  if (id === undefined || address === undefined)
    return fail('FIELD_MISSING', 'agents pull needs an agent id, and host:port or off')
  const agentId = agentIdOf(id)
  if (!agentId.ok) return agentId
  const off = { name: 'agents pull', agentId: agentId.value, address: undefined } as const
  if (address === 'off') return ok(off)
  const parsed = parseAddress(address)
  if (parsed.ok && parsed.value.port > 0) return ok({ ...off, address })
  return fail('FIELD_INVALID', `${address} is neither host:port nor off`)
}

function revokeCommand(id: string | undefined, reason: string | undefined): Result<Command> {
  if (id === undefined || reason === undefined)
    return fail('FIELD_MISSING', 'agents revoke needs an agent id and --reason')
  const agentId = agentIdOf(id)
  return agentId.ok ? ok({ name: 'agents revoke', agentId: agentId.value, reason }) : agentId
}

/** Settings from the environment and the file it names; a command that serves nobody needs less. */
export async function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  command: Command['name'],
): Promise<Result<CollectorConfig>> {
  const read = command === 'run' || command === 'check-config' ? readCollectorConfig : readOperatorConfig
  const file = env[CONFIG_FILE_ENV]
  if (file === undefined || file === '') return read(env)
  try {
    return read(env, parse(await readFile(file, 'utf8')) as JsonValue)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the configuration file ${file} cannot be read: ${message}`)
  }
}
