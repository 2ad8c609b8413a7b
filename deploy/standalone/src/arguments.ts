import { parseArgs } from 'node:util'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** What the command line asks for. */
export type Command = 'serve' | 'once' | 'help' | 'version' | { readonly collector: readonly string[] }

/** Reads the command line. Fault: CONFIG_UNKNOWN_KEY. */
export function readArguments(argv: readonly string[]): Result<Command> {
  // What follows is read by vouch-collector, which has its own --help.
  if (argv[0] === 'collector') return collectorCommand(argv.slice(1))
  const options = {
    once: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  } as const
  try {
    const { values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false })
    if (values.help === true) return ok('help')
    if (values.version === true) return ok('version')
    return ok(values.once === true ? 'once' : 'serve')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail(
      'CONFIG_UNKNOWN_KEY',
      `${why.split('.')[0] ?? why}; known are --once, --help and --version, and collector COMMAND`,
    )
  }
}

function collectorCommand(args: readonly string[]): Result<Command> {
  if (args.length > 0 && args[0] !== 'run') return ok({ collector: args })
  return fail(
    'FIELD_MISSING',
    'collector needs a command, such as collector audit days; without it, all of Vouch runs',
  )
}
