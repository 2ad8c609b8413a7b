import { expect, it } from 'vitest'
import { isStatusDue } from './status.ts'

it.each<[string, number, number, number, boolean]>([
  ['nothing changed', 5, 5, 50_000, false],
  ['a few batches are none', 0, 9, 50_000, false],
  ['a backlog grows', 0, 10, 5_000, true],
  ['but not twice in five seconds', 0, 10, 4_999, false],
  ['a long one grows a little', 1_000, 1_100, 50_000, false],
  ['or halves', 1_000, 500, 50_000, true],
  ['or is gone', 12, 0, 50_000, true],
])('%s: from %d to %d batches after %d ms', (_, told, now, sinceMs, due) => {
  expect(isStatusDue({ batches: told, bytes: 0 }, { batches: now, bytes: 0 }, sinceMs)).toBe(due)
})
