import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ContainerEngine, ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { AGENT_VERSION } from '@vouch/agent/version.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildExecutable, buildImage } from './build.ts'
import { ENVIRONMENT } from './executable.ts'
import { containerImage } from './image.ts'
import { Delivery } from './testing/delivery.ts'

vi.setConfig({ testTimeout: 90_000 })

if (ENGINE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ENGINE_ABSENT} is absent`)

const IMAGE = `vouch-agent:${AGENT_VERSION}`
const USER = 10_001
/** Nothing can be written but volumes, and nothing is allowed that root may do. */
const CONFINED = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
/** The host's tree, to read only. */
const HOST = ['-v', '/:/host:ro', '-e', 'VOUCH_AGENT_ROOT=/host']
const PROXY_SOCKET = '/run/vouch-docker-proxy/docker.sock'
const PROXIED = ['-v', 'proxy:/run/vouch-docker-proxy']

it('is the same octets for the same parts', () => {
  const parts = {
    agent: Buffer.from('agent'),
    libraries: [import.meta.filename],
    notices: 'n',
    version: '1.2.3',
  }
  expect(containerImage(parts).equals(containerImage(parts))).toBe(true)
})

it('starts with the memory laid out as the unit has it', () => {
  const image = containerImage({ agent: Buffer.from('agent'), libraries: [], notices: 'n', version: '1.2.3' })
  const [, settings = ''] =
    /^Environment=(MALLOC_.*)$/m.exec(
      readFileSync(new URL('../debian/vouch-agent.service', import.meta.url), 'utf8'),
    ) ?? []
  const pairs = Object.entries(ENVIRONMENT).map((pair) => pair.join('='))
  expect(settings.split(' ')).toEqual(pairs)
  for (const pair of pairs) expect(image.includes(JSON.stringify(pair))).toBe(true)
})

describe.skipIf(ENGINE_ABSENT !== '')(
  `the image of a container${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'vouch-image-'))
    let engine: ContainerEngine
    let delivery: Delivery
    beforeAll(async () => {
      const [image] = await Promise.all([
        buildExecutable(folder).then((built) => buildImage(folder, built)),
        ContainerEngine.start().then((started) => (engine = started)),
        Delivery.start().then((started) => (delivery = started)),
      ])
      await engine.docker('load', '-i', image)
    }, 300_000)
    afterAll(async () => {
      await engine.stop()
      await delivery.stop()
      rmSync(folder, { recursive: true })
    }, 180_000)
    const settings = (): string[] =>
      Object.entries(delivery.settings()).flatMap((pair) => ['-e', pair.join('=')])
    const inspect = (of: string, format: string): Promise<string> =>
      engine.docker('inspect', '-f', format, of)

    it('has a user that is not root, and no program but the agent', async () => {
      expect(await inspect(IMAGE, '{{.Config.User}}')).toBe(`${USER}:${USER}`)
      expect(await engine.docker('run', '--rm', ...CONFINED, '--network', 'none', IMAGE, '--version')).toBe(
        `vouch-agent ${AGENT_VERSION}`,
      )
      for (const program of ['/bin/sh', 'node'])
        await expect(
          engine.docker('run', '--rm', '--network', 'none', '--entrypoint', program, IMAGE),
        ).rejects.toThrow(/not found|no such file/)
    })

    it.each([String(USER), '12345:12345'])('reads a host as %s and writes nothing', async (user) => {
      const args = ['--name', 'once', '--user', user, '--network', 'none', ...CONFINED, ...HOST]
      const text = await engine.docker('run', ...args, IMAGE, 'once')
      for (const meter of ['cpu.used', 'memory.held', 'disk.used', 'disk.written', 'network.received'])
        expect(text).toMatch(new RegExp(`^host\\.${meter} +\\d+ +\\w+ +host:`, 'm'))
      expect(await engine.docker('diff', 'once')).toBe('')
      await engine.docker('rm', '-v', 'once')
    })

    it('enrols and delivers with a read-only root, and is the same agent when it is made anew', async () => {
      const token = join(folder, 'token')
      writeFileSync(token, await delivery.token(), { mode: 0o400 })
      chownSync(token, USER, USER)
      const args = ['-d', '--name', 'agent', '--network', 'host', ...CONFINED, ...HOST, ...settings()]
      const state = ['-v', 'state:/var/lib/vouch-agent']
      const first = ['-v', `${token}:/run/token:ro`, '-e', 'VOUCH_AGENT_TOKEN_FILE=/run/token']
      await engine.docker('run', ...args, ...state, ...first, IMAGE)
      await delivery.goesOn()
      await engine.docker('stop', 'agent')
      expect(await inspect('agent', '{{.State.ExitCode}}')).toBe('0')
      await engine.docker('rm', 'agent')
      await engine.docker('run', ...args, ...state, IMAGE)
      await delivery.goesOn()
      await engine.docker('rm', '-f', 'agent')
    })

    it('meters containers through a proxy in a container of its own', async () => {
      const group = String(statSync(engine.socket).gid)
      const proxy = [
        '-d',
        '--name',
        'proxy',
        '--network',
        'none',
        '--group-add',
        group,
        ...CONFINED,
        ...PROXIED,
      ]
      const socket = ['-v', `${engine.socket}:/var/run/docker.sock`]
      await engine.docker('run', ...proxy, ...socket, IMAGE, 'docker-proxy')
      const args = [
        '-d',
        '--name',
        'agent',
        '--network',
        'host',
        ...CONFINED,
        ...HOST,
        ...PROXIED,
        ...settings(),
      ]
      const sources = [
        '-e',
        'VOUCH_AGENT_SOURCES=host,docker',
        '-e',
        `VOUCH_AGENT_DOCKER_SOCKET=${PROXY_SOCKET}`,
      ]
      await engine.docker('run', ...args, ...sources, '-v', 'state:/var/lib/vouch-agent', IMAGE)
      await expect(delivery.has('container.cpu.used')).resolves.toBeUndefined()
      await engine.docker('rm', '-f', 'agent', 'proxy')
    })
  },
)
