import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRandom } from '../chaos/random.ts'
import { Disorder, emptyTally } from './disorder.ts'
import type { Mischief, Tally } from './disorder.ts'

const NONE: Mischief = { duplicate: 0, reorder: 0, replay: 0, delay: 0, drop: 0 }

async function passed(
  mischief: Mischief,
  seed: number,
): Promise<{ out: number[]; tally: Tally; dropped: boolean }> {
  const out: number[] = []
  let dropped = false
  const tally = emptyTally()
  const direction = { mischief, random: seededRandom(seed), tally, history: [] }
  const disorder = new Disorder<number>(direction, {
    emit: (frame) => out.push(frame),
    drop: () => void (dropped = true),
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  for (let frame = 0; frame < 40; frame++) disorder.pass(frame, frame > 4)
  disorder.after(resolve)
  await Promise.race([promise, new Promise((late) => setTimeout(late, 100))])
  return { out, tally, dropped }
}

const ordered = Array.from({ length: 40 }, (_, frame) => frame)
const seeds = fc.integer({ min: 0, max: 2 ** 31 })

test('a proxy that does nothing changes nothing', async () => {
  expect(await passed(NONE, 1)).toMatchObject({ out: ordered, dropped: false })
})

test('while the connection lasts every frame comes, and nothing that was not sent', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { out, tally } = await passed({ ...NONE, duplicate: 0.3, reorder: 0.3, replay: 0.3 }, seed)
      expect([...new Set(out)].toSorted((a, b) => a - b)).toEqual(ordered)
      expect(out.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
      expect(out.length).toBe(40 + tally.duplicate + tally.replay)
      expect(tally.duplicate + tally.reorder + tally.replay).toBeGreaterThan(0)
    }),
    { numRuns: 50 },
  )
})

test('the same seed gives the same mischief', async () => {
  const mischief = { ...NONE, duplicate: 0.3, reorder: 0.3, replay: 0.3, drop: 0.02 }
  expect(await passed(mischief, 7)).toEqual(await passed(mischief, 7))
  expect((await passed(mischief, 7)).out).not.toEqual((await passed(mischief, 8)).out)
})

test('a dropped connection brings nothing more', async () => {
  const { out, dropped, tally } = await passed({ ...NONE, drop: 1 }, 3)
  expect({ dropped, drop: tally.drop }).toEqual({ dropped: true, drop: 1 })
  expect(out.length).toBeLessThanOrEqual(6)
})
