#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { restartInTurn } from './rolling.ts'

const HELP = `Restarts two collectors in turn, behind a load balancer, while agents meter this machine; at the end one is
killed. Then compares what is stored and billed with what every agent signed.

  npm run rolling -- [--agents 5] [--rounds 3]

Exit code 0 = everything fits.
`
const AGENTS_MAX = 50
const ROUNDS_MAX = 100

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { agents: text, rounds: text, help: { type: 'boolean' } } })
const agents = Number.parseInt(values.agents ?? '5', 10)
const rounds = Number.parseInt(values.rounds ?? '3', 10)
if (values.help === true || !(agents > 0 && agents <= AGENTS_MAX) || !(rounds > 0 && rounds <= ROUNDS_MAX)) {
  process.stdout.write(HELP)
  process.exit(values.help === true ? 0 : 2)
}
const tell = (line: string): void => void process.stderr.write(`${line}\n`)
const report = await restartInTurn({ agents, rounds, onRestart: tell })
const lines = report.agents.map(
  ({ resource, batches, readings, longestPauseMs }) =>
    `${resource}  ${batches} batches  ${readings} readings  longest interruption ${longestPauseMs} ms`,
)
const { restarts, kills, given, problems } = report
const verdict =
  problems.length === 0
    ? 'sound: every reading signed is stored once, usage is last − first, nothing was set aside'
    : `${problems.length} problems:\n${problems.map((problem) => `  ${problem}`).join('\n')}`
process.stdout.write(
  `${lines.join('\n')}\n\n${restarts} restarts, ${kills} kill; connections given: ${given.join(' and ')}\n${verdict}\n`,
)
process.exit(problems.length === 0 ? 0 : 1)
