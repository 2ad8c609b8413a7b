import { setTimeout } from 'node:timers/promises'
import { ContainerEngine, ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AnotherHost } from './another-host.ts'

const CONTAINERS = 20
/** The agent looks every minute: all of them live between two looks. */
const CADENCE_MS = 60_000
/** Works for a while, lives for two seconds in all, and says last what it has used by then. */
const SCRIPT =
  'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1.5; cat /sys/fs/cgroup/cpuacct/cpuacct.usage'
const RUNNING_WITHIN_MS = 200n
const CPU_WITHIN_MS = 50n

if (ENGINE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ENGINE_ABSENT} is absent`)

const apart = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a)

describe.skipIf(ENGINE_ABSENT !== '')(
  `containers that live between two looks${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  () => {
    let engine: ContainerEngine
    let first = ''
    let host: AnotherHost

    beforeAll(async () => {
      engine = await ContainerEngine.start()
      // The engine makes the group above its containers with the first of them.
      first = await engine.script('while true; do sleep 1; done')
      host = await AnotherHost.start({
        agent: {
          VOUCH_AGENT_RESOURCE: 'host:docks',
          VOUCH_AGENT_SOURCES: 'docker',
          VOUCH_AGENT_DOCKER_SOCKET: engine.socket,
          VOUCH_AGENT_CADENCE_MS: String(CADENCE_MS),
        },
      })
      host.agent('enrol')
      host.meter()
    }, 120_000)
    afterAll(async () => {
      await host.dispose()
      await engine.stop()
    }, 60_000)

    async function lastedMs(id: string): Promise<bigint> {
      const state = await engine.docker('inspect', '-f', '{{json .State}}', id)
      const { StartedAt, FinishedAt } = JSON.parse(state) as { StartedAt: string; FinishedAt: string }
      return BigInt(Date.parse(FinishedAt) - Date.parse(StartedAt))
    }

    it('are in the API with their time and their work, and with the rest they are what the engine used', async () => {
      const isBegun = async (): Promise<boolean> => (await host.usage('host:docks')).has('engine.cpu.used')
      await vi.waitFor(async () => expect(await isBegun()).toBe(true), { timeout: 30_000, interval: 200 })
      const ids = await Promise.all(Array.from({ length: CONTAINERS }, () => engine.script(SCRIPT)))
      await engine.docker('wait', ...ids)
      await engine.docker('kill', first)
      await setTimeout(300)
      await host.stop()
      let sum = 0n
      for (const id of ids) {
        const usage = await host.usage(`host:docks/container:${id}`)
        expect(apart(usage.get('container.running')!, await lastedMs(id))).toBeLessThan(RUNNING_WITHIN_MS)
        const used = usage.get('container.cpu.used')!
        const said = BigInt(await engine.docker('logs', id)) / 1_000_000n
        expect(apart(used, said)).toBeLessThan(CPU_WITHIN_MS)
        sum += used
      }
      const older = await host.usage(`host:docks/container:${first}`)
      const all = await host.usage('host:docks')
      expect(all.get('container.cpu.used')).toBe(sum + older.get('container.cpu.used')!)
      expect(all.get('container.cpu.used')! + all.get('engine.cpu.unattributed')!).toBe(
        all.get('engine.cpu.used'),
      )
    }, 120_000)
  },
)
