import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { MUTANTS } from './mutants.ts'
import { planOf } from './plan.ts'
import { simulate } from './simulate.ts'

const run = promisify(execFile)
const MAIN = join(import.meta.dirname, 'main.ts')
const FIRST_SEED = 1
/** Wall time for fresh seeds. */
const BUDGET_MS = 12_000
const MUTANT_SEEDS = 500

describe('a run', () => {
  it('is the same for the same seed, to the last line of its trace', async () => {
    for (const seed of [3, 4]) {
      const [first, second] = [await simulate(planOf(seed)), await simulate(planOf(seed))]
      expect(second.hash).toBe(first.hash)
      expect(first.trace.length).toBeGreaterThan(20)
    }
    expect((await simulate(planOf(3))).hash).not.toBe((await simulate(planOf(4))).hash)
  })
})

describe('seeds that once failed hold', () => {
  it.each([
    [19, 'a restored snapshot waited for ever for a receipt of a batch that it still has'],
    [98, 'a loss ended before it began, as the clock had been set back'],
    [139, 'a batch queued as the committer came to its end woke nobody'],
    [1226, 'two copies of an agent began at one moment, and neither was found out'],
    [4196, 'the registry did not answer as a fork was to be barred, and nobody asked again'],
    [1860, 'an insert failed between two months, and an honest agent was taken for a clone'],
    [3211, 'a collector died before it said what it took, and a fork was not found'],
    [6687, 'the same, of another agent'],
    [9401, 'the same, once more'],
    [2259, 'a disk from before a loss of the spool was put back, and usage was billed twice'],
    [5205, 'the same, of another fork'],
    [9340, 'a beginning that was set aside, and then was taken, counted as set aside'],
    [
      20245,
      'readings were stored, their batch never, and the restored snapshot of its agent was billed beside them',
    ],
    [187, 'at the bound of pending bytes: all agents waited for ever'],
  ])('%i: %s', async (seed) => {
    expect((await simulate(planOf(seed))).problems).toEqual([])
  })
})

describe('whatever fails', () => {
  it('usage is what the devices used, every receipt is true, every loss is listed, and all comes to rest', async () => {
    const startedMs = performance.now()
    let seed = FIRST_SEED
    for (; performance.now() - startedMs < BUDGET_MS; seed++) {
      const { problems, trace } = await simulate(planOf(seed))
      const again = `npm run simulate -w deploy/e2e -- --seed ${seed} --trace`
      expect(problems, `${again}\n${trace.slice(-100).join('\n')}`).toEqual([])
    }
    const seconds = (performance.now() - startedMs) / 1_000
    process.stderr.write(
      `${seed - FIRST_SEED} seeds, ${((seed - FIRST_SEED) / seconds).toFixed(1)} a second\n`,
    )
    expect(seed).toBeGreaterThan(FIRST_SEED + 5)
  }, 60_000)
})

describe('a collector broken on purpose is found out', () => {
  it.each(Object.keys(MUTANTS))(
    '%s',
    async (name) => {
      const found = run(process.execPath, [MAIN, '--mutant', name, '--seeds', String(MUTANT_SEEDS)])
      await expect(found).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/FAILED.*--seed \d+/),
      })
    },
    120_000,
  )
})
