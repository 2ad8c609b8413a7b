import { expect, test } from 'vitest'
import { benchPercentile } from './bench.ts'

test('a line of few ports is the value that the engine finds', async () => {
  const { name, ratio, figures, reference } = await benchPercentile(
    { ports: 60, slots: 30, rounds: 2 },
    () => {},
  )
  expect(name).toBe('percentile')
  expect(ratio).toBeGreaterThan(0)
  expect(figures).toMatchObject({ ports: 60, slots: 30 })
  expect(figures['wallMs']).toBeGreaterThan(0)
  expect(reference['wallMs']).toBeGreaterThan(0)
}, 60_000)
