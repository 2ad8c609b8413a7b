import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { parse as parseYaml } from 'yaml'
import { FaultError, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { parseInstant } from '@vouch/proto/kernel/period.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { describeBillingConfig, readBillingConfig } from './config.ts'
import type { BillingConfig } from './config.ts'
import { describeInterface } from './http/server.ts'
import type { Logger } from './ports.ts'
import { SCOPES } from './postgres/api-keys.ts'
import type { Scope } from './postgres/api-keys.ts'
import { createBilling } from './service.ts'
import manifest from '../package.json' with { type: 'json' }

/** Everything that the program meets outside. */
export interface Terminal {
  readonly arguments: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  print(text: string): unknown
  complain(text: string): unknown
  readonly makeLogger: (level: string) => Logger
  /** Resolves when the program is asked to stop. */
  stopped(): Promise<void>
}

const USAGE = `vouch-billing: catalogue, contracts, invoices with proofs, ledger

  vouch-billing run                            migrate the schema and serve until stopped
  vouch-billing migrate                        bring the schema to this version
  vouch-billing api-key create --name NAME --scopes read,write,issue,admin [--expires RFC3339]
  vouch-billing api-key revoke ID
  vouch-billing check-config                   check the settings, change nothing
  vouch-billing openapi                        print the description of the interface
  vouch-billing --help | --version

Settings, from the environment or from the YAML file that VOUCH_CONFIG_FILE names:
${describeBillingConfig()}`

const OPTIONS = {
  help: { type: 'boolean' },
  version: { type: 'boolean' },
  name: { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
} as const

/** Runs the program. Exit codes: 0 done, 1 a fault, 2 wrong use. */
export async function runCli(terminal: Terminal): Promise<number> {
  const parsed = parse(terminal.arguments)
  if (typeof parsed === 'string') {
    terminal.complain(`${parsed}\n\n${USAGE}`)
    return 2
  }
  const { values, positionals } = parsed
  if (values.help === true) return printed(terminal, USAGE)
  if (values.version === true) return printed(terminal, `${manifest.version}\n`)
  if (positionals[0] === 'openapi')
    return printed(terminal, `${JSON.stringify(await describeInterface(), null, 2)}\n`)
  const command = positionals.slice(0, positionals[0] === 'api-key' ? 2 : 1).join(' ')
  const run = COMMANDS[command]
  if (run === undefined) {
    terminal.complain(`there is no command "${positionals.join(' ')}"\n\n${USAGE}`)
    return 2
  }
  try {
    const config = await settings(terminal)
    return printed(terminal, await run({ terminal, config, values, id: positionals[2] }))
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    terminal.complain(lines(error.fault))
    return 1
  }
}

type Parsed = Exclude<ReturnType<typeof parse>, string>

interface Invocation {
  readonly terminal: Terminal
  readonly config: BillingConfig
  readonly values: Pick<Parsed['values'], 'name' | 'scopes' | 'expires'>
  readonly id: string | undefined
}

const COMMANDS: Readonly<Record<string, (invocation: Invocation) => Promise<string>>> = {
  run: async ({ terminal, config }) => {
    const billing = createBilling({ config, logger: terminal.makeLogger(config.logLevel) })
    try {
      const stopped = terminal.stopped()
      const { address, issuerPublicKey } = await billing.start()
      terminal.complain(`listening on ${address}; proofs are sealed by ${toHex(issuerPublicKey)}\n`)
      await stopped
    } finally {
      await billing.stop()
    }
    return ''
  },
  migrate: ({ terminal, config }) =>
    using(terminal, config, async (billing) => {
      const applied = await billing.migrate()
      return applied.length === 0 ? 'the schema is up to date\n' : `applied ${applied.join(', ')}\n`
    }),
  'api-key create': ({ terminal, config, values }) =>
    using(terminal, config, async (billing) => {
      const name = values.name ?? throwFault('FIELD_MISSING', 'give the key a name: --name NAME')
      const expiresMs = values.expires === undefined ? undefined : unwrap(parseInstant(values.expires))
      const { id, secret } = await billing.createApiKey({ name, scopes: scopesOf(values.scopes), expiresMs })
      terminal.complain(`key ${id}; this is the only time its secret is shown\n`)
      return `${secret}\n`
    }),
  'api-key revoke': ({ terminal, config, id }) =>
    using(terminal, config, async (billing) => {
      await billing.revokeApiKey(id ?? throwFault('FIELD_MISSING', 'name the key: api-key revoke ID'))
      return 'revoked\n'
    }),
  'check-config': async () => 'the configuration is valid\n',
}

async function using(
  { makeLogger }: Terminal,
  config: BillingConfig,
  work: (billing: ReturnType<typeof createBilling>) => Promise<string>,
): Promise<string> {
  const billing = createBilling({ config, logger: makeLogger(config.logLevel) })
  try {
    return await work(billing)
  } finally {
    await billing.stop()
  }
}

async function settings({ env }: Terminal): Promise<BillingConfig> {
  const file = env['VOUCH_CONFIG_FILE']
  return unwrap(readBillingConfig(env, file === undefined ? {} : await readYaml(file)))
}

async function readYaml(file: string): Promise<JsonValue> {
  try {
    return (parseYaml(await readFile(file, 'utf8')) ?? {}) as JsonValue
  } catch (error) {
    return throwFault('CONFIG_INVALID', `${file} cannot be read: ${String(error)}`)
  }
}

function scopesOf(text: string | undefined): Scope[] {
  const names = (text ?? '').split(',')
  const scopes = SCOPES.filter((scope) => names.includes(scope))
  if (scopes.length > 0 && scopes.length === names.length) return scopes
  return throwFault('FIELD_INVALID', `give --scopes some of ${SCOPES.join(',')}, separated by commas`)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function printed(terminal: Terminal, text: string): number {
  terminal.print(text)
  return 0
}

function lines(fault: Fault): string {
  return (fault.causes ?? [fault]).map(({ code, message }) => `${code}: ${message}\n`).join('')
}
