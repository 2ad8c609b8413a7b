#!/usr/bin/env node
import { setLogVerbosity, logVerbosity } from '@grpc/grpc-js'
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import manifest from '../package.json' with { type: 'json' }
import { readArguments } from './arguments.ts'
import { COLLECTOR_PREFIXES, runOperator } from './operator.ts'
import { run } from './run.ts'
import { describeSettings, readSettings } from './settings.ts'

const HELP = `Vouch, all of it in one process

  npm start               meter this machine, take in agents, serve the API, until Ctrl-C
  npm start -- --once     meter this machine for a while, bill it, check the proof, stop
  npm start -- --help | --version
  npm start -- collector COMMAND
                          a command of vouch-collector on these stores, while nothing else runs on them:
                          audit, agents, quarantine, gaps, retention, token; collector --help lists them

Settings, from the environment:
${describeSettings()}`

// What grpc-js would print by itself is in the faults.
setLogVerbosity(logVerbosity.NONE)
try {
  const command = unwrap(readArguments(process.argv.slice(2)))
  if (command === 'help') process.stdout.write(HELP)
  else if (command === 'version') process.stdout.write(`vouch ${manifest.version}\n`)
  else if (typeof command === 'object')
    process.exit(
      await runOperator(
        command.collector,
        unwrap(readSettings(process.env, COLLECTOR_PREFIXES)),
        process.env,
      ),
    )
  else process.exit(await run(command, unwrap(readSettings(process.env))))
} catch (error) {
  if (isStopped(error)) process.exit(130)
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`vouch: ${error.message}\n`)
  process.exit(2)
}

/** True for the end that somebody asked for with Ctrl-C. */
function isStopped(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
