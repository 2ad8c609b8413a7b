import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT_VERSION } from '@vouch/agent/version.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bundleAgent } from './bundle.ts'
import type { Bundle } from './bundle.ts'
import { writeExecutable } from './executable.ts'
import { Delivery } from './testing/delivery.ts'
import { TREE_ABSENT, Tree } from './testing/tree.ts'

vi.setConfig({ testTimeout: 90_000 })

if (TREE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${TREE_ABSENT} is absent`)

const USER = 10_001
const AGENT = '/usr/bin/vouch-agent'
const folder = mkdtempSync(join(tmpdir(), 'vouch-executable-'))
const executable = join(folder, 'vouch-agent')
let bundle: Bundle

beforeAll(async () => {
  bundle = await bundleAgent()
  await writeExecutable(bundle, executable)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true }))

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

it('is the same octets when it is built again, and says nothing of where', async () => {
  await writeExecutable(await bundleAgent(), join(folder, 'again'))
  expect(digest(join(folder, 'again'))).toBe(digest(executable))
  expect(bundle.script).not.toContain(new URL('../../..', import.meta.url).pathname)
  expect(statSync(executable).mode & 0o777).toBe(0o755)
})

describe.skipIf(TREE_ABSENT !== '')(
  `on a machine with the C library and nothing else${TREE_ABSENT && ` (absent: ${TREE_ABSENT})`}`,
  () => {
    const tree = new Tree()
    let delivery: Delivery
    const agent = (
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): ReturnType<Tree['run']> => tree.run([AGENT, ...args], env, USER)

    beforeAll(async () => {
      tree.folder('var/lib/vouch-agent', USER, 0o700)
      await tree.addExecutable(executable, AGENT)
      delivery = await Delivery.start()
    }, 180_000)
    afterAll(async () => {
      await delivery.stop()
      tree.remove()
    })

    it('refuses what it does not know, whatever NODE_OPTIONS says', async () => {
      expect(await agent(['meter'])).toMatchObject({ code: 2, stdout: '' })
      const hostile = { NODE_OPTIONS: '--require=/etc/hostile.js' }
      expect(await agent(['--version'], hostile)).toMatchObject({ code: 0, stderr: '' })
      expect(await agent(['check-config'], { VOUCH_AGENT_CADENCE: '1' })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('CONFIG_UNKNOWN_KEY'),
      })
      expect(await agent(['enrol'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('CONFIG_MISSING'),
      })
      expect(await agent(['doctor'], { VOUCH_AGENT_COLLECTOR: '127.0.0.1:9' })).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('FAIL  collector'),
        stderr: '',
      })
    })

    it.each(['host', 'host,docker'])('reads %s once', async (sources) => {
      const { code, stdout, stderr } = await agent(['once'], { VOUCH_AGENT_SOURCES: sources })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(/^host\.cpu\.used +[1-9]\d* +ms/m)
      if (sources.includes('docker')) expect(stdout).toContain('the container engine at /var/run/docker.sock')
    })

    it('has the profiles of devices inside', async () => {
      const device = { name: 'a', address: '127.0.0.1:9', version: '2c', community: 'c', profiles: ['ups'] }
      tree.write('etc/devices.yaml', JSON.stringify({ devices: [device] }), USER)
      const settings = { VOUCH_AGENT_SOURCES: 'snmp', VOUCH_AGENT_SNMP_FILE: '/etc/devices.yaml' }
      expect(await agent(['check-config'], settings)).toMatchObject({ code: 0, stderr: '' })
    })

    it('says what it is', async () => {
      expect(await agent(['--version'])).toEqual({
        code: 0,
        stdout: `vouch-agent ${AGENT_VERSION}\n`,
        stderr: '',
      })
      expect((await agent(['--help'])).stdout).toContain('VOUCH_AGENT_COLLECTOR')
      expect((await agent(['check-config'])).stdout).toBe('the configuration is valid\n')
    })

    it('enrols and delivers, and its spool and its key are whole afterwards', async () => {
      const settings = delivery.settings()
      tree.write('etc/token', await delivery.token(), USER)
      const enrolling = { ...settings, VOUCH_AGENT_TOKEN_FILE: '/etc/token' }
      expect((await agent(['enrol'], enrolling)).stdout).toMatch(/^enrolled host:\w+ as \w+\n$/)
      const running = tree.start([AGENT], settings, USER)
      await delivery.goesOn()
      running.kill('SIGTERM')
      expect(await once(running, 'exit')).toEqual([0, null])
      expect((await agent(['spool', 'verify'], settings)).code).toBe(0)
      const { code, stdout: checks } = await agent(['doctor'], settings)
      expect(code, checks).toBe(0)
    })
  },
)
