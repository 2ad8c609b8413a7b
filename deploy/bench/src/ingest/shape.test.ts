import { expect, test } from 'vitest'
import { BATCH_READINGS, shapeOf } from './shape.ts'

test.each([
  [1, 1, 1],
  [1201, 1, 2],
  [76_800, 1, 64],
  [76_801, 2, 33],
  [2_400_000, 32, 63],
])('%i readings are %i agents with %i batches each', (readings, agents, batches) => {
  expect(shapeOf(readings)).toMatchObject({ agents, batches })
  expect(agents * batches * BATCH_READINGS).toBeGreaterThanOrEqual(readings)
})
