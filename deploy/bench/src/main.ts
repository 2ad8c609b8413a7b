#!/usr/bin/env node
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { helpText, readArguments } from './arguments.ts'
import { benchIngest } from './ingest/bench.ts'
import { resultTable } from './result.ts'

try {
  const command = unwrap(readArguments(process.argv.slice(2)))
  if (command.name === 'help') process.stdout.write(helpText())
  else {
    const result = await benchIngest({ readings: command.readings, progress: step })
    process.stderr.write(resultTable(result))
    if (command.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  }
  process.exit(0)
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exit(error.fault.code.startsWith('FIELD_') ? 2 : 1)
}

function step(text: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}\n`)
}
