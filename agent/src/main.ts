#!/usr/bin/env node
import { FaultError, faultLines, unwrap } from '@vouch/proto/kernel/fault.ts'
import { pino } from 'pino'
import { createAgent } from './agent.ts'
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { checkConfig, enrolHost, reEnrolHost, rotateKey } from './commands.ts'
import { decommissionHost } from './decommission.ts'
import { startDockerProxy } from './docker/docker-proxy.ts'
import { doctor } from './doctor.ts'
import { requestEnrolment, takeAnswer } from './enrol-files.ts'
import { beFrugal } from './frugality.ts'
import { lookOnce } from './once.ts'
import { spoolExport, spoolStatus, spoolVerify } from './spool-commands.ts'
import { AGENT_VERSION } from './version.ts'

try {
  const command = unwrap(parseCommand(process.argv.slice(2)))
  if (command === 'help') process.stdout.write(helpText())
  else if (command === 'version') process.stdout.write(`vouch-agent ${AGENT_VERSION}\n`)
  else {
    const config = unwrap(await loadConfig(process.env))
    if (command === 'check-config') process.stdout.write(unwrap(checkConfig(config)))
    else if (command === 'doctor') {
      const { text, isWell } = await doctor(config)
      process.stdout.write(text)
      if (!isWell) process.exitCode = 1
    } else if (typeof command === 'object' && 'enrol' in command) {
      const enrol = command.enrol === 'request' ? requestEnrolment : takeAnswer
      process.stdout.write(unwrap(await enrol(config, command.file)))
    } else if (typeof command === 'object') {
      const { isWell, text } = unwrap(
        command.spool === 'export'
          ? spoolExport(config, command.file)
          : command.spool === 'verify'
            ? spoolVerify(config)
            : spoolStatus(config, Date.now()),
      )
      process.stdout.write(text)
      if (!isWell) process.exitCode = 1
    } else if (command === 'once') process.stdout.write(await lookOnce(config))
    else if (command === 'enrol') process.stdout.write(unwrap(await enrolHost(config)))
    else if (command === 're-enrol') process.stdout.write(unwrap(await reEnrolHost(config)))
    else if (command === 'rotate-key') process.stdout.write(unwrap(await rotateKey(config)))
    else if (command === 'decommission') {
      const logger = pino({ level: config.logLevel }, pino.destination(2))
      process.stdout.write(unwrap(await decommissionHost({ config, logger })))
    } else if (command === 'docker-proxy') {
      const proxy = unwrap(await startDockerProxy(config, pino({ level: config.logLevel })))
      endOnSignal(() => proxy.stop())
    } else {
      beFrugal(config.sources)
      const agent = createAgent({ config, logger: pino({ level: config.logLevel }) })
      endOnSignal(() => agent.stop())
      await agent.start()
    }
  }
} catch (error) {
  if (!(error instanceof FaultError)) throw error
  for (const line of faultLines(error.fault)) process.stderr.write(`vouch-agent: ${line}\n`)
  process.exitCode = error.fault.code.startsWith('FIELD_') ? 2 : 1
}

function endOnSignal(stop: () => Promise<void>): void {
  for (const signal of ['SIGTERM', 'SIGINT'])
    process.once(signal, () => void stop().then(() => process.exit(0)))
}
