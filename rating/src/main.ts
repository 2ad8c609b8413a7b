#!/usr/bin/env node
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { text as streamText } from 'node:stream/consumers'
import { pino } from 'pino'
import manifest from '../package.json' with { type: 'json' }
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { printUsage } from './grpc/print-usage.ts'
import { createRating } from './index.ts'
import { quoteAnswer, quoteSchema } from './quote/print.ts'

try {
  const command = unwrap(parseCommand(process.argv.slice(2)))
  if (command.name === 'help') process.stdout.write(helpText())
  else if (command.name === 'version') process.stdout.write(`vouch-rating ${manifest.version}\n`)
  else if (command.name === 'quote') {
    const { text, isFault } = command.schema ? quoteSchema() : quoteAnswer(await streamText(process.stdin))
    process.stdout.write(text)
    if (isFault) process.exitCode = 1
  } else {
    const config = unwrap(await loadConfig(process.env))
    if (command.name === 'check-config') process.stdout.write('the configuration is valid\n')
    else if (command.name === 'usage') process.stdout.write(await printUsage(command, config))
    else {
      const logger = pino({ level: config.logLevel })
      const rating = createRating({ config, clickhouse: clickhouseFactory(config), logger })
      await rating.start()
      for (const signal of ['SIGTERM', 'SIGINT'])
        process.once(signal, () => void rating.stop().then(() => process.exit(0)))
    }
  }
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`vouch-rating: ${error.message}\n`)
  process.exitCode = error.fault.code.startsWith('FIELD_') ? 2 : 1
}
