import { expect, test } from 'vitest'
import { digestsQuery, epochsQuery, holesQuery, readingsQuery, streamsQuery } from './usage-query.ts'

const STREAM = '000102030405060708090a0b0c0d0e0f'
const OTHER = 'f'.repeat(32)
const HOUR_MS = 3_600_000

test('names from outside travel as parameters, never as text', () => {
  const { sql, params } = streamsQuery(["host:'; DROP"], ["m'"], 10)
  expect(sql).not.toContain("'; DROP")
  expect(sql).toContain('IN {roots:Array(String)} AND meter IN {meters:Array(String)}')
  expect(params).toEqual({ roots: ["host:'; DROP"], meters: ["m'"] })
})

test('all meters need no condition', () => {
  expect(streamsQuery(['host:a'], [], 10)).toMatchObject({ params: { roots: ['host:a'] } })
  expect(streamsQuery(['host:a'], [], 10).sql).not.toContain('meters')
})

test('hours come from the lattice, those of both ends from the readings too', () => {
  const { sql } = epochsQuery([STREAM, OTHER], { from: HOUR_MS, to: 3 * HOUR_MS + 1 })
  expect(sql).not.toContain('hour NOT IN')
  expect(sql).toContain(
    "time >= fromUnixTimestamp64Milli(3600000, 'UTC') AND time <= fromUnixTimestamp64Milli(7199999, 'UTC')",
  )
  expect(sql).toContain(
    "time >= fromUnixTimestamp64Milli(10800000, 'UTC') AND time <= fromUnixTimestamp64Milli(14399999, 'UTC')",
  )
  expect(sql).toContain('maxIf(last, last <= 3600000) AS openingBeforeMs')
  expect(sql).toContain('minIf(first, first > 10800001) AS closingAfterMs')
})

test('both ends in one hour are read once', () => {
  expect(epochsQuery([STREAM], { from: 1, to: 2 }).sql.match(/ time >= /g)).toHaveLength(1)
})

test('every list is bounded and ordered', () => {
  expect(holesQuery([STREAM], { from: 0, to: 1 }, 7).sql).toContain('ORDER BY stream, epoch, at LIMIT 7')
  expect(readingsQuery([{ stream: STREAM, epoch: 5n, timeMs: 9 }]).sql).toContain(
    `IN ((x'${STREAM}', 5, fromUnixTimestamp64Milli(9, 'UTC'))) ORDER BY stream, epoch, time, register`,
  )
  expect(digestsQuery([{ agent: STREAM, run: OTHER, sequence: 3n }]).sql).toContain(
    'ORDER BY run, sequence, digest',
  )
})

test('an id that is not hexadecimal is a broken invariant', () => {
  expect(() => holesQuery(["') OR 1"], { from: 0, to: 1 }, 1)).toThrow('not hexadecimal')
})
