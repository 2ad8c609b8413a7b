#!/usr/bin/env node
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { helpText, readArguments } from './arguments.ts'
import { BENCHES } from './benches.ts'
import { resultTable } from './result.ts'

try {
  const command = unwrap(readArguments(process.argv.slice(2), BENCHES))
  if (command.name === 'help') {
    process.stdout.write(helpText(BENCHES))
    process.exit(0)
  }
  const { result, failure } = await command.bench.run(command.values, step)
  process.stderr.write(resultTable(result))
  if (command.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  if (failure !== undefined) process.stderr.write(`bench: ${failure}\n`)
  process.exit(failure === undefined ? 0 : 1)
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exit(error.fault.code.startsWith('FIELD_') ? 2 : 1)
}

function step(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
}
