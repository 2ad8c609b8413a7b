#!/usr/bin/env node
import { pino } from 'pino'
import { runCli } from './cli.ts'

process.exitCode = await runCli({
  arguments: process.argv.slice(2),
  env: process.env,
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
  makeLogger: (level) =>
    pino({ level, name: 'vouch-billing', redact: ['*.authorization', '*.secret', '*.databaseUrl'] }),
  stopped: () =>
    new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    }),
})
