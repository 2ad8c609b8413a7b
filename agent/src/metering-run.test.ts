import { setImmediate } from 'node:timers/promises'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { describe, expect, it, vi } from 'vitest'
import { MeteringRun, factsOf } from './metering-run.ts'
import type { Look, Sample, Source } from './ports.ts'
import { openSpool } from './spool/spool.ts'
import { statesOf } from './testing/registers.ts'
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

describe('a run', () => {
  const begun = (...looks: (() => Promise<readonly Look[]>)[]) => {
    return begunWith(...looks.map((look, index): Source => ({ name: `source ${index}`, look })))
  }
  const begunWith = (...sources: readonly Source[]) => {
    const world = new World()
    const spool = unwrap(openSpool(':memory:', { bytesMax: 1e8, ageMaxMs: 1e9 }, world.wallMs()))
    const options = { agentId: new Uint8Array(16), agentVersion: '1', spool, clock: world, sources }
    const lines: string[] = []
    const logger = { ...silent, warn: (_: object, line: string) => void lines.push(line) }
    const run = new MeteringRun({ ...options, logger, signer: () => signer }, 100)
    return { world, spool, run, lines }
  }
  const counted = (value: bigint): Sample => ({ resource: 'host:a', meter: 'host.cpu.used', value })

  it('counts what a late source brings at the instant of its own', async () => {
    const slow = Promise.withResolvers<readonly Look[]>()
    const quick = (): Promise<readonly Look[]> => Promise.resolve([])
    let asked = 0
    const { world, spool, run, lines } = begun(async () => {
      asked += 1
      return asked === 1 ? slow.promise : [{ samples: [counted(9n)] }]
    }, quick)
    world.pass(1000, 0n)
    await run.look()
    expect(lines).toEqual(['a source is late: no answer in 100 ms'])
    slow.resolve([{ samples: [counted(5n)] }])
    await setImmediate()
    world.pass(1000, 0n)
    await run.look()
    unwrap(run.seal())
    const [batch] = spool.batches(run.runId, 0n, 1)
    const { register, timeMs } = unwrap(decodeBody(batch!.signed.body))
    expect([...register]).toEqual([5n, 9n])
    expect([...timeMs].map((ms) => Number(ms) - world.wallMs())).toEqual([-1000, 0])
  })

  it('keeps facts with the readings they came with, and forgets streams that are over once they are receipted', async () => {
    const looks: Look[] = [
      { samples: [counted(5n)], track: 'a', facts: new Map([['mark', '1']]) },
      { samples: [counted(7n)], track: 'a', facts: new Map([['mark', '2']]), ends: true },
      { samples: [counted(9n)], track: 'b', facts: new Map([['mark', undefined]]) },
    ]
    const { world, spool, run } = begun(() => Promise.resolve(looks.splice(0, 1)))
    const round = async (): Promise<void> => {
      world.pass(100, 0n)
      await run.look()
    }
    await round()
    expect(factsOf(spool)('mark')).toBeUndefined()
    unwrap(run.seal())
    expect(factsOf(spool)('mark')).toBe('1')
    await round()
    unwrap(run.seal())
    expect(factsOf(spool)('mark')).toBe('2')
    unwrap(spool.release(run.runId, 1n))
    expect(statesOf(spool.registerPages())).toEqual([])
    expect(spool.definitions(0, 10)).toHaveLength(1)
    unwrap(spool.release(run.runId, 2n))
    expect(spool.definitions(0, 10)).toEqual([])
    await round()
    unwrap(run.seal())
    expect(factsOf(spool)('mark')).toBeUndefined()
    expect(statesOf(spool.registerPages())).toHaveLength(1)
    expect(spool.definitions(0, 10)).toHaveLength(1)
  })

  const many = (name: string, count: number): Sample[] =>
    Array.from({ length: count }, (_, index) => ({
      resource: `host:${name}-${index}`,
      meter: 'host.cpu.used',
      value: 1n,
    }))

  it('keeps facts with all looks of their source also where a round is sealed in parts', async () => {
    const at = (ms: number) => ({ wallMs: 1e12 + ms, monotonicMs: ms, boottimeMs: ms })
    const { world, spool, run } = begun(
      () =>
        Promise.resolve([
          { samples: many('a', 3000), track: 'a', at: at(10) },
          { samples: many('b', 3000), track: 'b', at: at(20) },
          { samples: [], track: 'facts', facts: new Map([['mark', '1']]), at: at(50) },
        ]),
      () =>
        Promise.resolve([
          { samples: many('c', 5000), track: 'c', facts: new Map([['other', '1']]), at: at(15) },
        ]),
    )
    world.pass(100, 0n)
    await run.look()
    const batches = [...spool.batches(run.runId, 0n, 10)]
    expect(batches).toHaveLength(2)
    expect([factsOf(spool)('mark'), factsOf(spool)('other')]).toEqual(['1', '1'])
    expect(run.pending).toBe(0)
  })

  it('tries a full spool once a round, however much there is', async () => {
    const looks = Array.from({ length: 20 }, (_, index) => ({
      samples: many(`${index}`, 1000),
      track: `${index}`,
      facts: new Map(),
    }))
    const { world, spool, run } = begun(() => Promise.resolve(looks))
    spool.limit({ bytesMax: 1, ageMaxMs: 1e9 })
    const append = vi.spyOn(spool, 'append')
    world.pass(100, 0n)
    await run.look()
    expect(append).toHaveBeenCalledTimes(1)
    expect(run.pending).toBe(20_000)
  })

  it('takes what a source hands over at once, where it is on, and seals what is much', () => {
    let taker: (look: Look) => boolean = () => false
    const handOver = (take: typeof taker): void => void (taker = take)
    const { world, spool, run } = begunWith({ name: 'own', look: () => Promise.resolve([]), handOver })
    let isOn = true
    run.isOn = (name) => name === 'own' && isOn
    const looked = (count: number): boolean => {
      world.pass(100, 0n)
      return taker({
        samples: many('a', count),
        track: 'a',
        at: run.now(),
        facts: new Map([['mark', `${count}`]]),
      })
    }
    expect([looked(3000), run.pending]).toEqual([true, 3000])
    expect([looked(3000), run.pending]).toEqual([true, 0])
    expect([factsOf(spool)('mark'), spool.usage().batches]).toEqual(['3000', 1])
    isOn = false
    expect([looked(1), run.pending]).toEqual([false, 0])
    isOn = true
    void run.stopSources()
    expect([looked(1), run.pending]).toEqual([false, 0])
  })

  it('says once that a source fails, and once that it works again', async () => {
    let fails = true
    const { world, run, lines } = begun(() =>
      fails ? Promise.reject(new Error('broken')) : Promise.resolve([]),
    )
    for (let look = 0; look < 3; look += 1) await run.look().then(() => world.pass(100, 0n))
    expect(lines).toEqual(['the source source 0 failed: broken'])
    expect(run.faults()).toHaveLength(1)
    fails = false
    await run.look()
    expect(run.faults()).toEqual([])
  })
})
