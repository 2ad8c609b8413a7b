import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ContainerEngine, ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startStandalone } from './standalone-process.ts'
import type { Standalone } from './standalone-process.ts'

const AGENT = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
const HOUR_MS = 3_600_000
const CONTAINERS = 20
/** The agent looks every minute: all of them live between two looks. */
const CADENCE_MS = 60_000
/** Works for a while, lives for two seconds in all, and says last what it has used by then. */
const SCRIPT =
  'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1.5; cat /sys/fs/cgroup/cpuacct/cpuacct.usage'
const RUNNING_WITHIN_MS = 200
const CPU_WITHIN_MS = 50

if (ENGINE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ENGINE_ABSENT} is absent`)

describe.skipIf(ENGINE_ABSENT !== '')(
  `containers that live between two looks${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'vouch-containers-'))
    const installation = join(directory, 'installation')
    let engine: ContainerEngine
    let first = ''
    let vouch: Standalone
    let api = ''
    let agent: ChildProcess | undefined

    beforeAll(async () => {
      chmodSync(directory, 0o755)
      engine = await ContainerEngine.start()
      // The engine makes the group above its containers with the first of them.
      first = await engine.script('while true; do sleep 1; done')
      vouch = startStandalone({ VOUCH_DATA_DIR: installation })
      const said = await vouch.ready()
      const at = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? ''
      api = at(/REST API on (\S+)/)
      writeFileSync(join(directory, 'token'), at(/token for one agent\s+(\S+)/), { mode: 0o600 })
      copyFileSync(join(installation, 'tls-ca.pem'), join(directory, 'tls-ca.pem'))
      const env = {
        PATH: process.env['PATH'],
        VOUCH_AGENT_COLLECTOR: at(/agents connect to\s+([^\s,]+)/),
        VOUCH_TLS_CA_FILE: 'tls-ca.pem',
        VOUCH_AGENT_STATE_DIR: 'state',
        VOUCH_AGENT_TOKEN_FILE: 'token',
        VOUCH_AGENT_RESOURCE: 'host:docks',
        VOUCH_AGENT_SOURCES: 'docker',
        VOUCH_AGENT_DOCKER_SOCKET: engine.socket,
        VOUCH_AGENT_CADENCE_MS: String(CADENCE_MS),
      }
      execFileSync(process.execPath, [AGENT, 'enrol'], { cwd: directory, env, timeout: 30_000 })
      agent = spawn(process.execPath, [AGENT], { cwd: directory, env, stdio: 'ignore' })
    }, 120_000)
    afterAll(async () => {
      if (agent?.exitCode === null) await stop(agent)
      vouch.kill('SIGKILL')
      await vouch.ended
      await engine.stop()
      rmSync(directory, { recursive: true, force: true })
    }, 60_000)

    const stop = async (process: ChildProcess): Promise<void> => {
      const ended = once(process, 'exit')
      process.kill('SIGTERM')
      await ended
    }

    /** What the API says that a resource used, by meter. */
    async function usage(resource: string): Promise<Record<string, string>> {
      const query = new URLSearchParams({
        resource,
        from: new Date(Date.now() - HOUR_MS).toISOString(),
        to: new Date().toISOString(),
      })
      const key = readFileSync(join(installation, 'api-key'), 'utf8').trim()
      const headers = { Authorization: `Bearer ${key}` }
      const response = await fetch(`${api}/v1/usage?${query.toString()}`, { headers })
      const { meters = [] } = (await response.json()) as { meters?: { meter: string; quantity: string }[] }
      return Object.fromEntries(meters.map(({ meter, quantity }) => [meter, quantity]))
    }

    async function lastedMs(id: string): Promise<number> {
      const state = await engine.docker('inspect', '-f', '{{json .State}}', id)
      const { StartedAt, FinishedAt } = JSON.parse(state) as { StartedAt: string; FinishedAt: string }
      return Date.parse(FinishedAt) - Date.parse(StartedAt)
    }

    it('are in the API with their time and their work, and with the rest they are what the engine used', async () => {
      await vi.waitFor(async () => expect(await usage('host:docks')).toHaveProperty(['engine.cpu.used']), {
        timeout: 30_000,
        interval: 200,
      })
      const ids = await Promise.all(Array.from({ length: CONTAINERS }, () => engine.script(SCRIPT)))
      await engine.docker('wait', ...ids)
      await engine.docker('kill', first)
      await setTimeout(300)
      await stop(agent!)
      let sum = 0
      for (const id of ids) {
        const used = await usage(`host:docks/container:${id}`)
        const running = Number(used['container.running'])
        expect(Math.abs(running - (await lastedMs(id)))).toBeLessThan(RUNNING_WITHIN_MS)
        const said = Number(BigInt(await engine.docker('logs', id)) / 1_000_000n)
        expect(Math.abs(Number(used['container.cpu.used']) - said)).toBeLessThan(CPU_WITHIN_MS)
        sum += Number(used['container.cpu.used'])
      }
      const all = await usage('host:docks')
      const older = await usage(`host:docks/container:${first}`)
      expect(Number(all['container.cpu.used'])).toBe(sum + Number(older['container.cpu.used']))
      expect(Number(all['container.cpu.used']) + Number(all['engine.cpu.unattributed'])).toBe(
        Number(all['engine.cpu.used']),
      )
    }, 120_000)
  },
)
