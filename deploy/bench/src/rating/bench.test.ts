import { expect, test } from 'vitest'
import { benchRating } from './bench.ts'

test('a small lattice is rated line by line, and asked about', async () => {
  const { name, ratio, figures, reference } = await benchRating(
    { accounts: 2, hours: 5, rounds: 1, questions: 2 },
    () => {},
  )
  expect(name).toBe('rating')
  expect(ratio).toBeGreaterThan(0)
  expect(figures).toMatchObject({ streams: 200, rows: 1000, lines: 200 })
  expect(figures['yearOfAccountP95Ms']).toBeGreaterThan(0)
  expect(figures['getSeriesP95Ms']).toBeGreaterThan(0)
  expect(reference['wallMs']).toBeGreaterThanOrEqual(0)
}, 60_000)
