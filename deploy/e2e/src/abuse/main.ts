#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { startSubject } from '../fuzz/subject.ts'
import { NOISE, storm } from './storm.ts'

/** Those whom the kernel had to try again come seconds later, and have the time for a hello then. */
const GONE_MAX_MS = 30_000
const RECEIPT_MAX_MS = 5_000
const GROWTH_MAX_MIB = 600

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { sockets: text, processes: text } })
const subject = await startSubject({ VOUCH_COLLECTOR_HELLO_TIMEOUT_MS: '2000' })
try {
  const report = await storm(
    subject,
    Number(values.sockets ?? 10_000),
    Number(values.processes ?? 4),
    GONE_MAX_MS,
  )
  process.stdout.write(`${JSON.stringify(report)}\n`)
  const { honest, left, memoryMib } = report
  const holds = left <= NOISE && honest.slowestMs < RECEIPT_MAX_MS && subject.ended() === undefined
  process.exitCode = holds && memoryMib.peak - memoryMib.before < GROWTH_MAX_MIB ? 0 : 1
} finally {
  await subject.dispose()
}
process.exit()
