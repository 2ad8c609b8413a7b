#!/usr/bin/env node
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { pino } from 'pino'
import manifest from '../package.json' with { type: 'json' }
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { clickhouseFactory } from './clickhouse/connect.ts'
import { prepareDataDirectory } from './clickhouse/data-directory.ts'
import { runCommand } from './commands.ts'
import { createCollector } from './index.ts'

try {
  const command = unwrap(parseCommand(process.argv.slice(2)))
  if (command.name === 'help') process.stdout.write(helpText())
  else if (command.name === 'version') process.stdout.write(`vouch-collector ${manifest.version}\n`)
  else {
    const config = unwrap(await loadConfig(process.env, command.name))
    const logger = pino({ level: config.logLevel })
    if (command.name === 'check-config') process.stdout.write('the configuration is valid\n')
    else if (command.name === 'run') {
      if (config.clickhouseUrl === undefined) unwrap(await prepareDataDirectory(config.dataDir ?? ''))
      const collector = createCollector({
        config,
        clickhouse: clickhouseFactory(config),
        postgresUrl: config.databaseUrl,
        logger,
      })
      let stopping = false
      for (const signal of ['SIGTERM', 'SIGINT']) {
        process.on(signal, () => {
          // The second time is meant: nothing without a receipt counts as stored, so nothing is lost.
          if (stopping) process.exit(1)
          stopping = true
          void collector.stop().then(() => process.exit(0))
        })
      }
      await collector.start()
    } else process.stdout.write(await runCommand(command, config, logger))
  }
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`vouch-collector: ${error.message}\n`)
  process.exit(error.fault.code.startsWith('FIELD_') ? 2 : 1)
}
