import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Room } from './room.ts'

const LIMITS = { bytesMax: 100, agentBytesMax: 25 }
/** More turns of the microtask queue than a change needs. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

it('holds its bounds, and everybody gets in at last', async () => {
  const asked = fc.array(fc.record({ agent: fc.nat(5), bytes: fc.integer({ min: 1, max: 20 }) }), {
    maxLength: 60,
  })
  await fc.assert(
    fc.asyncProperty(asked, fc.infiniteStream(fc.nat()), async (requests, picks) => {
      const room = new Room(LIMITS)
      const inside: { agent: string; bytes: number; release: () => void }[] = []
      for (const { agent, bytes } of requests) {
        const name = `${agent}`
        void room.take(name, bytes).then((release) => inside.push({ agent: name, bytes, release }))
      }
      let served = 0
      for (;;) {
        await settle()
        if (inside.length === 0) break
        const sum = (of: typeof inside): number => of.reduce((total, { bytes }) => total + bytes, 0)
        expect(sum(inside)).toBeLessThanOrEqual(LIMITS.bytesMax)
        for (const { agent } of inside)
          expect(sum(inside.filter((each) => each.agent === agent))).toBeLessThanOrEqual(LIMITS.agentBytesMax)
        const [gone] = inside.splice(picks.next().value! % inside.length, 1)
        gone!.release()
        gone!.release()
        served++
      }
      expect(served).toBe(requests.length)
    }),
  )
})

it('an agent that floods leaves the first place to others; a batch beyond every bound gets in when alone', async () => {
  const room = new Room(LIMITS)
  const order: string[] = []
  const releases: (() => void)[] = []
  const ask = (agent: string, bytes: number): void =>
    void room.take(agent, bytes).then((release) => {
      order.push(agent)
      releases.push(release)
    })
  for (let index = 0; index < 50; index++) ask('flood', 10)
  ask('calm', 10)
  await settle()
  expect(order).toEqual(['flood', 'flood', 'calm'])
  const alone = new Room(LIMITS)
  ;(await alone.take('large', 1_000))()
  expect(await alone.take('large', 1_000)).toBeTypeOf('function')
})
