import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SYSTEM_CLOCK } from '../clock.ts'
import { Ages } from './ages.ts'

const aging = (told: string[], name: string) => ({ handOver: () => void told.push(name) })

it('tells each session once when its time is over, and none that has ended', async () => {
  const ages = new Ages(SYSTEM_CLOCK, 200)
  const told: string[] = []
  const [early, late, ended] = ['early', 'late', 'ended'].map((name) => aging(told, name))
  ages.add(late!, 150)
  ages.add(ended!, 60)
  ages.add(early!, 50)
  ages.remove(ended!)
  await expect.poll(() => told).toEqual(['early'])
  await expect.poll(() => told).toEqual(['early', 'late'])
  await sleep(50)
  expect(told).toEqual(['early', 'late'])
})

it('begins anew after the last one has ended, also in the same tick', async () => {
  const ages = new Ages(SYSTEM_CLOCK, 200)
  const told: string[] = []
  const first = aging(told, 'first')
  ages.add(first, 10_000)
  ages.remove(first)
  ages.add(aging(told, 'second'), 20)
  await expect.poll(() => told).toEqual(['second'])
})
