import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { CONFIG_FILE_ENV, describeConfig } from '@vouch/proto/kernel/config.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { parse } from 'yaml'
import { AGENT_SETTINGS, readAgentConfig } from './config.ts'
import type { AgentConfig } from './config.ts'

const COMMANDS = [
  'run',
  'enrol',
  're-enrol',
  'rotate-key',
  'decommission',
  'once',
  'docker-proxy',
  'doctor',
  'check-config',
  'help',
  'version',
] as const

/** What the command line asks for: a command, a look at the spool, or an enrolment by files. */
export type Command =
  | (typeof COMMANDS)[number]
  | { readonly spool: 'status' | 'verify' }
  | { readonly spool: 'export'; readonly file: string }
  | { readonly enrol: 'request' | 'answer'; readonly file: string }

/** Text of --help. */
export function helpText(): string {
  return `vouch-agent: meters this host and delivers signed readings

  vouch-agent [run]        meter until SIGTERM; enrols first where that is still to do
  vouch-agent enrol        spend the token of VOUCH_AGENT_TOKEN_FILE and stop
  vouch-agent enrol --request FILE
                           write a request for vouch-collector agents enrol-file, where this host cannot dial
  vouch-agent enrol --answer FILE
                           take what that gave, "-" from standard input
  vouch-agent re-enrol     enrol a copied or restored host as another agent; the former's files are set aside
  vouch-agent rotate-key   replace the agent's key by a new one; a running agent does it without a break
  vouch-agent decommission
                           deliver a last look, end the agent's life and remove its key; the agent must not run
  vouch-agent once         sample every source once, print a table and stop; nothing is kept or sent
  vouch-agent doctor       look at everything the agent needs, each with a remedy; exit code 1 where anything fails
  vouch-agent docker-proxy offer of the container engine only what the agent reads, at a socket of its own, until SIGTERM
  vouch-agent spool status show what waits for the collector; the agent must not run
  vouch-agent spool verify check checksums, signatures and the chain; exit code 1 where anything is wrong
  vouch-agent spool export FILE
                           write what waits to a new file, to be carried away; it stays in the spool
  vouch-agent check-config check the settings and stop
  vouch-agent --help | --version

Settings, from the environment or the YAML file that VOUCH_CONFIG_FILE names (camelCase keys):
${describeConfig(AGENT_SETTINGS)}`
}

/** Reads the command line. Faults: FIELD_UNKNOWN. */
export function parseCommand(args: readonly string[]): Result<Command> {
  const flag = { type: 'boolean' } as const
  const text = { type: 'string' } as const
  let parsed
  try {
    const options = { help: flag, version: flag, request: text, answer: text }
    parsed = parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    return fail('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help === true) return ok('help')
  if (values.version === true) return ok('version')
  const [name = 'run', ...rest] = positionals
  const { request, answer } = values
  const file = request ?? answer
  if (file !== undefined) {
    const isEnrolment =
      name === 'enrol' && rest.length === 0 && (request === undefined || answer === undefined)
    if (!isEnrolment) return fail('FIELD_UNKNOWN', 'either --request or --answer is for enrol; see --help')
    return ok({ enrol: request === undefined ? 'answer' : 'request', file })
  }
  if (name === 'spool') {
    const [action, path, ...more] = rest
    if ((action === 'status' || action === 'verify') && path === undefined) return ok({ spool: action })
    if (action === 'export' && path !== undefined && more.length === 0)
      return ok({ spool: action, file: path })
  }
  const command = COMMANDS.find((each) => each === name)
  if (command !== undefined && rest.length === 0) return ok(command)
  return fail('FIELD_UNKNOWN', `${positionals.join(' ')} is not a command; see --help`)
}

/** Settings from the environment and the file that it names. */
export async function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<AgentConfig>> {
  const file = env[CONFIG_FILE_ENV]
  if (file === undefined || file === '') return readAgentConfig(env)
  let content: JsonValue
  try {
    content = (parse(await readFile(file, 'utf8')) ?? {}) as JsonValue
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the configuration file ${file} cannot be read: ${why}`)
  }
  return readAgentConfig(env, content)
}
