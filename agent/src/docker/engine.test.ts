import { randomUUID } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHostFiles } from '../host/host-files.ts'
import { createSystemClock } from '../host/clock.ts'
import type { Look, Sample, Source } from '../ports.ts'
import { ContainerEngine, ENGINE_ABSENT } from './testing/container-engine.ts'
import { quiet } from './testing/scene.ts'
import { createDockerSource } from './docker-source.ts'

if (ENGINE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ENGINE_ABSENT} is absent`)

/** Samples of all looks by meter and resource, in the order of their instants. */
class Seen {
  readonly looks: Look[] = []
  facts: string | undefined

  add(looks: readonly Look[]): void {
    this.looks.push(...looks)
    this.facts = looks.findLast(({ facts }) => facts !== undefined)?.facts?.get('docker') ?? this.facts
  }

  of(resource: string, meter: string): Sample[] {
    return this.looks.flatMap(({ samples }) =>
      samples.filter((each) => each.meter === meter && each.resource.endsWith(resource)),
    )
  }

  /** What a counter grew by within its lives. */
  grown(resource: string, meter: string): bigint | undefined {
    const samples = this.of(resource, meter)
    if (samples.length === 0) return undefined
    return samples.reduce((sum, each, index) => {
      const before = samples[index - 1]
      return before?.life === each.life ? sum + each.value - before!.value : sum
    }, 0n)
  }
}

const SPIN = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 1'
const SHOW = 'cat /sys/fs/cgroup/cpuacct/cpuacct.usage'

describe.skipIf(ENGINE_ABSENT !== '')(
  `a container engine${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  () => {
    let engine: ContainerEngine
    const sources: Source[] = []
    const source = (facts?: string, socket = engine.socket): Source => {
      const made = createDockerSource({
        files: createHostFiles('/'),
        resource: 'host:a',
        clock: createSystemClock(),
        logger: quiet,
        facts: () => facts,
        socket,
        labels: ['team'],
      })
      sources.push(made)
      return made
    }
    beforeAll(async () => {
      engine = await ContainerEngine.start()
    }, 60_000)
    afterAll(async () => {
      await Promise.all(sources.map(async (each) => each.stop?.()))
      await engine.stop()
    }, 60_000)
    const lasted = async (id: string): Promise<number> => {
      const text = await engine.docker('inspect', '-f', '{{json .State}}', id)
      const { StartedAt, FinishedAt } = JSON.parse(text) as { StartedAt: string; FinishedAt: string }
      return Date.parse(FinishedAt) - Date.parse(StartedAt)
    }

    it('H9: containers that live between two looks are metered, and with the rest they are the parent', async () => {
      const metered = source()
      const seen = new Seen()
      seen.add(await metered.look())
      const names = Array.from({ length: 20 }, (_, index) => `short-${index}`)
      const script = `${SPIN}; ${SHOW}`
      const start = (name: string) => engine.script(script, '--label', 'team=a', '--name', name)
      const ids = await Promise.all(names.map(start))
      await engine.docker('wait', ...ids)
      await setTimeout(300)
      seen.add(await metered.look())
      let sum = 0n
      for (const id of ids) {
        const running = Number(seen.grown(id, 'container.running'))
        expect(Math.abs(running - (await lasted(id)))).toBeLessThan(200)
        const used = seen.grown(id, 'container.cpu.used')!
        const said = Number(BigInt(await engine.docker('logs', id)) / 1_000_000n)
        expect(Math.abs(Number(used) - said)).toBeLessThan(50)
        sum += used
      }
      const unattributed = seen.grown('engine:docker', 'engine.cpu.unattributed')!
      expect(sum + unattributed).toBe(seen.grown('engine:docker', 'engine.cpu.used'))
      expect(unattributed).toBeLessThan(sum / 4n)
      const [sample] = seen.of(ids[0]!, 'container.running')
      expect(sample?.attributes).toEqual({ name: 'short-0', image: 'busybox', team: 'a' })
      await engine.docker('rm', ...ids)
      await setTimeout(300)
      const last = await metered.look()
      expect(last.filter(({ ends }) => ends === true)).toHaveLength(20)
    }, 120_000)

    it('H7: the engine is listed, inspected and listened to, and never asked for its statistics', async () => {
      const asked: string[] = []
      const line = createServer((near) => {
        const far = connect(engine.socket)
        near.on('data', (data) =>
          asked.push(
            ...data
              .toString('latin1')
              .split('\r\n')
              .filter((each) => / HTTP\//.test(each)),
          ),
        )
        for (const [one, other] of [
          [near, far],
          [far, near],
        ] as const)
          one
            .on('error', () => undefined)
            .on('close', () => other.destroy())
            .pipe(other)
      })
      const socket = `${engine.socket}.line`
      await new Promise<void>((resolve) => line.listen(socket, resolve))
      const metered = source(undefined, socket)
      await metered.look()
      const id = await engine.script('sleep 1')
      await engine.docker('wait', id)
      await setTimeout(300)
      const looks = await metered.look()
      expect(looks.flatMap(({ samples }) => samples).map(({ resource }) => resource)).toContain(
        `host:a/container:${id}`,
      )
      const allowed =
        /^GET (?:\/v[\d.]+)?\/(?:containers\/json|containers\/[0-9a-f]{64}\/json|events)(?:\?|\s)/
      expect(asked.length).toBeGreaterThan(2)
      expect(asked.filter((each) => !allowed.test(each))).toEqual([])
      await metered.stop?.()
      await engine.docker('rm', id)
      line.close()
    }, 60_000)

    it('H8: traffic is that of all its interfaces but the loopback, to the end', async () => {
      const metered = source()
      const seen = new Seen()
      seen.add(await metered.look())
      await engine.docker('network', 'create', '--subnet', '10.231.7.0/24', 'traffic')
      const ping =
        'i=0; while [ $i -lt 20 ]; do busybox ping -c 1 -W 1 10.231.7.1; i=$((i+1)); done >/dev/null'
      const script = `sleep 0.5; ${ping}; grep eth0 /proc/net/dev`
      const id = await engine.script(script, '--network', 'traffic')
      await engine.docker('wait', id)
      await setTimeout(300)
      seen.add(await metered.look())
      const [received, ...rest] = (await engine.docker('logs', id)).trim().split(/ +/).slice(1)
      expect(BigInt(received!)).toBeGreaterThan(1000n)
      // What the neighbours of a bridge send may arrive after the container looked.
      expect(seen.grown(id, 'container.network.received')).toBeGreaterThanOrEqual(BigInt(received!))
      expect(seen.grown(id, 'container.network.transmitted')).toBeGreaterThanOrEqual(BigInt(rest[7]!))
      await engine.docker('rm', id)
      await engine.docker('network', 'rm', 'traffic')
    }, 60_000)

    it('H10: a restart is another life that begins at zero, and a rename another name', async () => {
      const metered = source()
      const seen = new Seen()
      seen.add(await metered.look())
      const id = await engine.script('while true; do sleep 1; done', '--name', `h10-${randomUUID()}`)
      await setTimeout(500)
      seen.add(await metered.look())
      await engine.docker('restart', '-t', '0', id)
      await engine.docker('rename', id, 'h10-renamed')
      await setTimeout(300)
      seen.add(await metered.look())
      const lives = new Set(seen.of(id, 'container.running').map(({ life }) => life))
      expect(lives.size).toBe(2)
      const values = seen.of(id, 'container.running').map(({ value }) => value)
      expect(values.filter((value) => value === 0n)).toHaveLength(2)
      expect(seen.of(id, 'container.running').at(-1)?.attributes?.['name']).toBe('h10-renamed')
      await engine.docker('rm', '-f', id)
    }, 60_000)

    it('H11: a paused container holds its memory and goes on running', async () => {
      const metered = source()
      const seen = new Seen()
      const id = await engine.script('sleep 60')
      seen.add(await metered.look())
      expect(seen.of(id, 'container.running').map(({ value }) => value > 0n)).toEqual([true])
      await engine.docker('pause', id)
      await setTimeout(300)
      seen.add(await metered.look())
      expect(seen.of(id, 'container.memory.held').at(-1)?.value).toBeGreaterThan(0n)
      expect(seen.of(id, 'container.running').at(-1)?.attributes?.['state']).toBe('paused')
      expect(seen.grown(id, 'container.running')).toBeGreaterThan(200n)
      expect(metered.unavailable?.().map(({ meter }) => meter)).toContain('container.network.received')
      expect(seen.of(id, 'container.network.received')).toEqual([])
      await engine.docker('rm', '-f', id)
    }, 60_000)

    it('what began and ended while the agent was away has its exact time', async () => {
      const first = source()
      const seen = new Seen()
      seen.add(await first.look())
      const known = await engine.script('sleep 60')
      await setTimeout(300)
      seen.add(await first.look())
      await first.stop?.()
      const missed = await engine.script('sleep 1')
      await engine.docker('wait', missed)
      await engine.docker('kill', known)
      const second = source(seen.facts)
      seen.add(await second.look())
      for (const id of [missed, known]) {
        expect(Math.abs(Number(seen.grown(id, 'container.running')) - (await lasted(id)))).toBeLessThan(200)
      }
      expect(seen.of(missed, 'container.cpu.used')).toEqual([])
      await engine.docker('rm', missed, known)
    }, 60_000)

    it('an engine that is away is one fault, and its events are told when it is back', async () => {
      const metered = source()
      const seen = new Seen()
      const id = await engine.script('sleep 60')
      seen.add(await metered.look())
      await engine.end()
      await setTimeout(600)
      seen.add(await metered.look())
      expect(metered.faults?.().map(({ code }) => code)).toEqual(['UNAVAILABLE'])
      await engine.run()
      await expect
        .poll(
          async () => {
            seen.add(await metered.look())
            return metered.faults?.()
          },
          { timeout: 20_000, interval: 300 },
        )
        .toEqual([])
      const end = seen.of(id, 'container.running').at(-1)
      expect(Math.abs(Number(end?.value) - (await lasted(id)))).toBeLessThan(1000)
      await engine.docker('rm', '-f', id)
    }, 60_000)
  },
)
