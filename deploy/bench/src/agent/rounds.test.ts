import { expect, test } from 'vitest'
import { slopeOf } from './rounds.ts'

test.each([
  [[], 0],
  [[{ rounds: 1, bytes: 5 }], 0],
  [
    [
      { rounds: 1, bytes: 5 },
      { rounds: 3, bytes: 9 },
      { rounds: 5, bytes: 13 },
    ],
    2,
  ],
  [
    [
      { rounds: 1, bytes: 10 },
      { rounds: 2, bytes: 20 },
      { rounds: 3, bytes: 10 },
    ],
    0,
  ],
])('%j has the slope %d', (sizes, slope) => {
  expect(slopeOf(sizes)).toBeCloseTo(slope)
})
