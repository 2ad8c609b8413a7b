import { expect, it } from 'vitest'
import { METERS } from '@vouch/proto/kernel/meter.ts'
import { createPortableSource } from './portable-source.ts'

it('gives every meter of a host, or the reason why not', async () => {
  const source = createPortableSource('host:a', { include: undefined, exclude: [] })
  const samples = (await source.look()).flatMap((each) => each.samples)
  const given = new Set(samples.map(({ meter }) => meter))
  const missing = (source.unavailable?.() ?? []).map(({ meter }) => meter)
  expect([...given, ...missing].toSorted()).toEqual(
    Object.keys(METERS)
      .filter((meter) => meter.startsWith('host.'))
      .toSorted(),
  )
  for (const { value } of samples) expect(value >= 0n).toBe(true)
})
