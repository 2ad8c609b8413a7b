#!/usr/bin/env node
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { FAULT_KINDS, planOf } from './plan.ts'
import type { FaultKind } from './plan.ts'
import { MUTANTS, install } from './mutants.ts'

const HELP = `Runs agents, collectors and a store on virtual time and a network that fails; everything follows from a seed.

  npm run simulate -w deploy/e2e -- [--seeds 1000] [--from 1] [--processes 1]   many seeds
  npm run simulate -w deploy/e2e -- --seed N [--trace] [--without KIND,…]       one seed again
  npm run simulate -w deploy/e2e -- --mutant NAME [--seeds 200]                  a collector broken on purpose

Mutants: ${Object.keys(MUTANTS).join(', ')}
Kinds of faults: ${FAULT_KINDS.join(' ')}

Exit code 0 = everything held in every run.
`
const SEEDS_MAX = 10_000_000
const PROCESSES_MAX = 64
const PROGRESS_SEEDS = 500
const FAILURES_SHOWN_MAX = 5

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const { values } = parseArgs({
  options: {
    seeds: text,
    from: text,
    seed: text,
    processes: text,
    without: text,
    mutant: text,
    trace: flag,
    help: flag,
  },
})
const whole = (value: string | undefined, fallback: number, most: number): number => {
  const number = value === undefined ? fallback : Number(value)
  return Number.isSafeInteger(number) && number >= 1 && number <= most ? number : usage(2)
}
const tell = (line: string): void => void process.stderr.write(`${line}\n`)
const without = new Set((values.without ?? '').split(',').filter((kind) => kind !== '') as FaultKind[])
if (values.help === true) usage(0)
if ([...without].some((kind) => !FAULT_KINDS.includes(kind))) usage(2)

if (values.mutant !== undefined && !Object.hasOwn(MUTANTS, values.mutant)) usage(2)
// What is broken must be broken before the collector is loaded.
const sabotage = values.mutant === undefined ? undefined : install(values.mutant)
const { simulate } = await import('./simulate.ts')
const { shrink } = await import('./shrink.ts')

process.exitCode = values.seed === undefined ? await many() : await one(whole(values.seed, 1, SEEDS_MAX))

function usage(code: number): never {
  process.stdout.write(HELP)
  process.exit(code)
}

async function one(seed: number): Promise<number> {
  const { problems, trace, hash } = await simulate(planOf(seed, without), sabotage)
  if (values.trace === true) process.stdout.write(`${trace.join('\n')}\n`)
  for (const problem of problems) tell(`seed ${seed}: ${problem}`)
  if (problems.length > 0 && values.trace !== true && sabotage === undefined) {
    const { needed, left } = await shrink(seed, without)
    tell(
      `needs ${needed.join(' ')}; again: npm run simulate -w deploy/e2e -- --seed ${seed} --trace --without ${left.join(',')}`,
    )
  }
  tell(`seed ${seed}: trace ${hash.slice(0, 16)}, ${problems.length === 0 ? 'everything held' : 'FAILED'}`)
  return problems.length === 0 ? 0 : 1
}

/** Several processes take every n-th seed each. */
async function many(): Promise<number> {
  const seeds = whole(values.seeds, 1_000, SEEDS_MAX)
  const from = whole(values.from, 1, SEEDS_MAX)
  const processes = whole(values.processes, 1, PROCESSES_MAX)
  if (processes === 1 || seeds < processes) return range(from, seeds)
  const share = Math.ceil(seeds / processes)
  const codes = Array.from({ length: processes }, (_, index) => {
    const own = Math.min(share, seeds - index * share)
    const set = [
      '--from',
      `${from + index * share}`,
      '--seeds',
      `${own}`,
      '--without',
      [...without].join(','),
    ]
    const child = fork(import.meta.filename, set)
    const { promise, resolve } = Promise.withResolvers<number>()
    child.on('exit', (code) => resolve(code ?? 1))
    return promise
  })
  return Math.max(...(await Promise.all(codes)))
}

async function range(from: number, seeds: number): Promise<number> {
  const failed: number[] = []
  const startedMs = performance.now()
  let batches = 0
  let done = 0
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await simulate(planOf(seed, without), sabotage)
    batches += outcome.batches
    if (outcome.problems.length > 0) {
      failed.push(seed)
      if (failed.length <= FAILURES_SHOWN_MAX) tell(`seed ${seed}: ${outcome.problems[0]}`)
    }
    done = seed - from + 1
    // A mutant is found once.
    if (values.mutant !== undefined && failed.length > 0) break
    if (done % PROGRESS_SEEDS === 0) tell(`${done} of ${seeds} seeds, ${failed.length} failed`)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  tell(`${done} seeds from ${from}, ${batches} batches, ${(done / seconds).toFixed(1)} seeds/s`)
  for (const seed of failed) tell(`FAILED: npm run simulate -w deploy/e2e -- --seed ${seed}`)
  return failed.length === 0 ? 0 : 1
}
