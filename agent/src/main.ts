#!/usr/bin/env node
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { pino } from 'pino'
import { createAgent } from './agent.ts'
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { enrolHost, lookOnce, rotateKey } from './commands.ts'
import { loadDevices } from './snmp/config.ts'
import { AGENT_VERSION } from './version.ts'

try {
  const command = unwrap(parseCommand(process.argv.slice(2)))
  if (command === 'help') process.stdout.write(helpText())
  else if (command === 'version') process.stdout.write(`vouch-agent ${AGENT_VERSION}\n`)
  else {
    const config = unwrap(await loadConfig(process.env))
    if (command === 'check-config') {
      if (config.sources.some((name) => name === 'snmp')) unwrap(loadDevices(config.snmpFile))
      process.stdout.write('the configuration is valid\n')
    } else if (command === 'once') process.stdout.write(await lookOnce(config))
    else if (command === 'enrol') process.stdout.write(unwrap(await enrolHost(config)))
    else if (command === 'rotate-key') process.stdout.write(unwrap(await rotateKey(config)))
    else {
      const agent = createAgent({ config, logger: pino({ level: config.logLevel }) })
      for (const signal of ['SIGTERM', 'SIGINT'])
        process.once(signal, () => void agent.stop().then(() => process.exit(0)))
      await agent.start()
    }
  }
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  process.stderr.write(`vouch-agent: ${error.message}\n`)
  process.exitCode = error.fault.code.startsWith('FIELD_') ? 2 : 1
}
