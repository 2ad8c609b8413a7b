import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    // One process per file: the embedded engine binds one data directory per process.
    pool: 'forks',
    // Files wait for engines and clocks most of their time; no core is kept free for the runner.
    maxWorkers: availableParallelism(),
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
