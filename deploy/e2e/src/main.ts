#!/usr/bin/env node
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { killAtRandom } from './chaos/kill.ts'
import { printReport } from './chaos/print-report.ts'

const HELP = `Kills agent and collector at random moments while the agent meters this machine, then compares what
is billed with the kernel's counters, the signed batches and the times of the kills.

  npm run chaos -- [--seconds 120] [--seed N] [--no-proxy]

Between the two stands a proxy that duplicates, reorders, delays and replays batches and receipts, and
breaks connections; --no-proxy = they speak with each other directly.

Exit code 0 = everything fits.
`
const SECONDS_MAX = 3600
const SEED_END = 2 ** 31

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { seconds: text, seed: text, 'no-proxy': { type: 'boolean' }, help: { type: 'boolean' } },
})
const seconds = Number.parseInt(values.seconds ?? '120', 10)
const seed = Number.parseInt(values.seed ?? `${randomInt(SEED_END)}`, 10)
if (values.help === true || !(seconds > 0 && seconds <= SECONDS_MAX) || !Number.isSafeInteger(seed)) {
  process.stdout.write(HELP)
  process.exit(values.help === true ? 0 : 2)
}
const tell = (line: string): void => void process.stderr.write(`${line}\n`)
tell(`killing for ${seconds} s, seed ${seed}`)
const proxy = values['no-proxy'] !== true
const report = await killAtRandom({ killForMs: seconds * 1000, seed, proxy, onKill: tell })
process.stdout.write(printReport(report))
process.exit(report.problems.length === 0 ? 0 : 1)
