import { decodeBody } from '@vouch/proto/wire/body.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { describe, expect, it } from 'vitest'
import { MeteringRun } from './metering-run.ts'
import { openSpool } from './spool/spool.ts'
import { World } from './testing/world.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const signer = signerOf(generateKeys().privateKey)

describe('a loss', () => {
  it('is an interval that holds all that was dropped, also where the clock was set back meanwhile', async () => {
    const world = new World()
    let behindMs = 0
    const clock = Object.assign(Object.create(world) as World, { wallMs: () => world.wallMs() - behindMs })
    const spool = unwrap(openSpool(':memory:', { bytesMax: 1, ageMaxMs: 1e9 }, world.wallMs()))
    const options = {
      agentId: new Uint8Array(16),
      agentVersion: '1',
      spool,
      clock,
      sources: [world],
      logger: silent,
    }
    const run = new MeteringRun({ ...options, signer: () => signer }, 1_000)
    const times: number[] = []
    for (let look = 0; look < 12; look++) {
      if (look === 6) behindMs = 60_000
      world.pass(1_000, 5n)
      times.push(clock.wallMs())
      await run.look()
      if (look % 3 === 2) expect(run.seal()).toMatchObject({ fault: { code: 'SPOOL_FULL' } })
    }
    unwrap(run.seal(true))
    const [batch] = spool.batches(run.runId, 0n, 1)
    const { losses } = unwrap(decodeBody(batch!.signed.body))
    expect(losses).toHaveLength(1)
    const [{ fromMs, toMs }] = losses as [(typeof losses)[0]]
    expect(fromMs).toBeLessThan(toMs)
    expect(Number(fromMs)).toBeGreaterThanOrEqual(Math.min(...times))
    expect(Number(toMs)).toBeLessThanOrEqual(Math.max(...times) + 1)
    spool.close()
  })
})
