import { expect, test } from 'vitest'
import { restartInTurn } from './rolling.ts'

test(
  'two collectors restarted in turn, and one killed, lose nothing and bill nothing twice',
  { timeout: 120_000 },
  async () => {
    const report = await restartInTurn({ agents: 3, rounds: 1 })
    expect(report.problems).toEqual([])
    expect(report.agents.map(({ batches }) => batches).every((batches) => batches > 8)).toBe(true)
    expect(report.given.every((connections) => connections > 0)).toBe(true)
    expect(Math.max(...report.agents.map(({ longestPauseMs }) => longestPauseMs))).toBeGreaterThan(0)
  },
)
