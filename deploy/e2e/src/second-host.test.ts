import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { absentOf, ip } from '@vouch/agent/snmp/testing/snmpd.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startStandalone } from './standalone-process.ts'
import type { Standalone } from './standalone-process.ts'

const AGENT = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
const HOUR_MS = 3_600_000
/** What a newcomer is promised: usage in the API so soon after the first command on the other host. */
const MINUTE_MS = 60_000

const absent = absentOf(true)
if (absent !== '' && process.env['CI'] !== undefined) throw new Error(`needs ${absent}`)

describe.skipIf(absent !== '')(
  `another host, as the README says${absent === '' ? '' : ` (needs ${absent})`}`,
  () => {
    const tag = `vouch${process.pid % 100_000}`
    const namespace = `${tag}h`
    const [here, there] = ['198.18.79.1', '198.18.79.2']
    const directory = mkdtempSync(join(tmpdir(), 'vouch-second-'))
    const [installation, other] = [join(directory, 'installation'), join(directory, 'other')]
    let vouch: Standalone
    let api = ''
    let metering: ChildProcess | undefined

    beforeAll(async () => {
      ip('netns', 'add', namespace)
      ip('link', 'add', `${tag}v`, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', namespace)
      ip('address', 'add', `${here}/30`, 'dev', `${tag}v`)
      ip('link', 'set', `${tag}v`, 'up')
      ip('-n', namespace, 'address', 'add', `${there}/30`, 'dev', 'uplink')
      ip('-n', namespace, 'link', 'set', 'uplink', 'up')
      // PostgreSQL refuses to run as root: the account that runs it instead has to get in.
      chmodSync(directory, 0o755)
      mkdirSync(other)
      vouch = startStandalone({
        VOUCH_DATA_DIR: installation,
        VOUCH_COLLECTOR_LISTEN: `${here}:7410`,
        VOUCH_TLS_NAMES: `localhost,${here}`,
      })
      const said = await vouch.ready()
      api = /REST API on (\S+)/.exec(said)?.[1] ?? ''
      const token = /token for one agent\s+(\S+)/.exec(said)?.[1] ?? ''
      writeFileSync(join(other, 'token'), token, { mode: 0o600 })
      copyFileSync(join(installation, 'tls-ca.pem'), join(other, 'tls-ca.pem'))
    }, 90_000)

    afterAll(async () => {
      if (metering?.exitCode === null) {
        const ended = once(metering, 'exit')
        metering.kill('SIGTERM')
        await ended
      }
      vouch.kill('SIGKILL')
      await vouch.ended
      ip('netns', 'delete', namespace)
      rmSync(directory, { recursive: true, force: true })
    }, 30_000)

    const settings = {
      PATH: process.env['PATH'],
      VOUCH_AGENT_COLLECTOR: `${here}:7410`,
      VOUCH_TLS_CA_FILE: 'tls-ca.pem',
      VOUCH_AGENT_STATE_DIR: './agent-state',
      VOUCH_AGENT_TOKEN_FILE: './token',
      // Both "hosts" are one machine here, with one machine id.
      VOUCH_AGENT_RESOURCE: 'host:second',
    }
    const inside = (...args: string[]): string[] => [
      'netns',
      'exec',
      namespace,
      process.execPath,
      AGENT,
      ...args,
    ]
    const agent = (...args: string[]): string =>
      execFileSync('ip', inside(...args), { cwd: other, env: settings, encoding: 'utf8', timeout: 30_000 })

    async function usage(): Promise<{ readonly status: number; readonly quantities: readonly string[] }> {
      const from = new Date(Date.now() - HOUR_MS).toISOString()
      const to = new Date().toISOString()
      const key = readFileSync(join(installation, 'api-key'), 'utf8').trim()
      const query = new URLSearchParams({ resource: 'host:second', meter: 'host.cpu.used', from, to })
      const response = await fetch(`${api}/v1/usage?${query.toString()}`, {
        headers: { Authorization: `Bearer ${key}` },
      })
      const { meters = [] } = (await response.json()) as { meters?: { quantity: string }[] }
      return { status: response.status, quantities: meters.map(({ quantity }) => quantity) }
    }

    it('is enrolled and shows its usage in the API within a minute', async () => {
      const sinceMs = Date.now()
      expect(agent('enrol')).toMatch(/^enrolled host:second as [0-9a-f]{32}\n$/)
      expect(agent('once')).toContain('host.cpu.used')
      metering = spawn('ip', inside(), { cwd: other, env: settings, stdio: 'ignore' })
      await vi.waitFor(
        async () => {
          const used = await usage()
          expect(used).toEqual({ status: 200, quantities: [expect.stringMatching(/[1-9]/)] })
        },
        { timeout: MINUTE_MS - (Date.now() - sinceMs), interval: 500 },
      )
    }, 90_000)

    it('is looked over by the doctor beside it', () => {
      expect(agent('doctor')).not.toMatch(/^fail/m)
    })
  },
)
