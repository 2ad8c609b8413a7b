#!/usr/bin/env node
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Tally } from './decoder.ts'
import { runDecoder, runSockets, runSurface } from './run.ts'
import type { FuzzReport } from './run.ts'
import { startSubject } from './subject.ts'

const HELP = `Feeds mutated batches, definitions and frames to the decoders, and mutated calls to a running collector,
beside an honest agent. Prints how often each answer was given, and each case that got none that it may get.

  npm run fuzz -- [--cases 1000000] [--calls CASES/50] [--sockets 0] [--seed N] [--case I | --call I | --socket I]

--sockets throws HTTP/2 frames and other bytes at so many bare sockets. --case, --call and --socket run one case again. Exit code 0 = nothing was found.
`
const CASES_PER_CALL = 50
const SEED_END = 2 ** 31
/** Peers that never answer are let go sooner than in use. */
const ENV = { VOUCH_COLLECTOR_HELLO_TIMEOUT_MS: '1000' }

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    cases: text,
    calls: text,
    sockets: text,
    seed: text,
    case: text,
    call: text,
    socket: text,
    help: { type: 'boolean' },
  },
})
const single = ['case', 'call', 'socket'].some((name) => name in values)
const cases = numberOf(values.cases, single ? 0 : 1_000_000)
const calls = numberOf(values.calls, Math.floor(cases / CASES_PER_CALL))
const sockets = numberOf(values.sockets, 0)
const seed = numberOf(values.seed, randomInt(SEED_END))
if (
  values.help === true ||
  [cases, calls, sockets, seed].some((value) => !Number.isSafeInteger(value) || value < 0)
) {
  process.stdout.write(HELP)
  process.exit(values.help === true ? 0 : 2)
}
process.stderr.write(`seed ${seed}\n`)
const decoded = runDecoder(seed, values.case === undefined ? range(cases) : [numberOf(values.case, 0)])
tell('decoders', decoded)
const failures = [...decoded.failures]
if (calls > 0 || values.call !== undefined)
  await call('calls', runSurface, values.call === undefined ? range(calls) : [numberOf(values.call, 0)])
if (sockets > 0 || values.socket !== undefined)
  await call(
    'sockets',
    runSockets,
    values.socket === undefined ? range(sockets) : [numberOf(values.socket, 0)],
  )
process.exit(failures.length === 0 ? 0 : 1)

async function call(what: string, run: typeof runSurface, indexes: Iterable<number>): Promise<void> {
  const subject = await startSubject(ENV)
  try {
    const called = await run(subject, seed, indexes)
    tell(what, called)
    const { honest, memoryMib } = called
    process.stdout.write(
      `honest agent: ${honest.batches} batches, slowest receipt ${honest.slowestMs} ms\ncollector: ${memoryMib.before} MiB before, ${memoryMib.peak} MiB at its peak, ${subject.memoryMib()} MiB after\n`,
    )
    failures.push(...called.failures)
  } finally {
    await subject.dispose()
  }
}

function tell(what: string, { tally, failures: found, tookMs }: FuzzReport): void {
  process.stdout.write(
    `${what}: ${tookMs} ms\n${table(tally)}${found.map((line) => `FOUND ${line}\n`).join('')}`,
  )
}

function table(tally: Tally): string {
  const rows = [...tally].toSorted(([, left], [, right]) => right - left)
  return rows.map(([answer, times]) => `  ${String(times).padStart(8)}  ${answer}\n`).join('')
}

function* range(end: number): Generator<number> {
  for (let index = 0; index < end; index++) yield index
}

function numberOf(given: string | undefined, fallback: number): number {
  return given === undefined ? fallback : Number(given)
}
