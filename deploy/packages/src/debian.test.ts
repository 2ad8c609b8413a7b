import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { ContainerEngine, ENGINE_ABSENT } from '@vouch/agent/docker/testing/container-engine.ts'
import { AGENT_VERSION } from '@vouch/agent/version.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildDebian, buildExecutable } from './build.ts'
import { debianPackage } from './debian.ts'
import { librariesOf } from './executable.ts'
import { DebianTree } from './testing/debian-tree.ts'
import { Delivery } from './testing/delivery.ts'
import { SYSTEM_ABSENT, System } from './testing/system.ts'

vi.setConfig({ testTimeout: 90_000 })

const ANALYSE = '/usr/bin/systemd-analyze'
const ABSENT = SYSTEM_ABSENT || ENGINE_ABSENT || (existsSync(ANALYSE) ? '' : ANALYSE)
if (ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ABSENT} is absent`)

const run = promisify(execFile)
/** What Debian calls essential, as far as scripts of packages need it. */
const BASE = ['base-files', 'coreutils', 'dash', 'diffutils', 'dpkg', 'libc-bin', 'perl-base', 'tar']
const LIBRARIES = ['libatomic1', 'libstdc++6']
const UNITS = ['vouch-agent.service', 'vouch-docker-proxy.service']
const SETTINGS = 'etc/vouch/agent.env'

it('gives the same octets for the same parts', () => {
  const parts = { agent: Buffer.from('agent'), notices: 'n', readme: Buffer.from('r'), version: '1.2.3' }
  expect(debianPackage(parts).equals(debianPackage(parts))).toBe(true)
})

describe.skipIf(ABSENT !== '')(`the Debian package${ABSENT && ` (absent: ${ABSENT})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vouch-debian-'))
  let executable = ''
  let debian = ''
  beforeAll(async () => {
    const built = await buildExecutable(folder)
    ;({ executable } = built)
    debian = buildDebian(folder, built)
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('depends on the package of every library that the executable loads', async () => {
    const { stdout: depends } = await run('dpkg-deb', ['-f', debian, 'Depends'])
    const names = new Set(depends.split(/[,|]/).map((each) => each.trim().replace(/ .*/, '')))
    for (const library of await librariesOf(executable)) {
      const { stdout } = await run('dpkg', ['-S', `*/${basename(library)}`])
      const owners = stdout.split('\n').map((line) => line.replace(/:.*/, ''))
      expect(
        owners.some((owner) => names.has(owner)),
        `${library}: ${stdout}`,
      ).toBe(true)
    }
  })

  it('has everything for root, and nothing that others may write', async () => {
    const { stdout } = await run('dpkg-deb', ['-c', debian])
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^[d-]rw[x-]r-[x-]r-[x-] 0\/0 /)
  })

  // Exposure in tenths, from 0 to 100; what is left of the agent's is what it meters.
  it.each([
    ['vouch-agent.service', 16],
    ['vouch-docker-proxy.service', 4],
  ])('exposes by %s no more than %d', async (unit, exposure) => {
    const path = join(import.meta.dirname, '../debian', unit)
    const args = ['security', '--offline=true', '--no-pager', `--threshold=${exposure}`, path]
    await run(ANALYSE, args).catch((error: unknown) => expect.unreachable(String(error)))
    await expect(run(ANALYSE, args.with(3, `--threshold=${exposure - 1}`))).rejects.toThrow('Command failed')
  })

  it('makes its users where there is no systemd', async () => {
    const tree = await DebianTree.of(...BASE, ...LIBRARIES, 'adduser')
    try {
      await tree.dpkg('-i', debian)
      const passwd = readFileSync(join(tree.root, 'etc/passwd'), 'utf8')
      expect(passwd).toMatch(/^vouch-agent:x:\d+:\d+::\/var\/lib\/vouch-agent:\/usr\/sbin\/nologin$/m)
      expect(passwd).toMatch(/^vouch-docker-proxy:/m)
      await tree.dpkg('--purge', 'vouch-agent')
    } finally {
      tree.remove()
    }
  })

  describe('on a system with systemd', () => {
    let engine: ContainerEngine
    let delivery: Delivery
    let tree: DebianTree
    let system: System
    beforeAll(async () => {
      ;[engine, delivery, tree] = await Promise.all([
        ContainerEngine.start(),
        Delivery.start(),
        DebianTree.of(...BASE, ...LIBRARIES, 'systemd'),
      ])
      tree.write('etc/group', `root:x:0:\ndocker:x:${statSync(engine.socket).gid || 900}:\n`)
      system = await System.boot(tree, join(engine.socket, '..'))
      await system.run('ln', '-s', '/mnt/docker.sock', '/run/docker.sock')
      await system.run('chmod', '711', '/mnt')
      await system.run('chgrp', 'docker', '/mnt/docker.sock')
    }, 180_000)
    afterAll(async () => {
      // The system last: it is not there when it could not be started.
      await engine.stop()
      await delivery.stop()
      await system.stop()
    }, 180_000)
    const states = (): Promise<string[]> =>
      Promise.all(UNITS.map((unit) => system.property(unit, 'ActiveState')))
    const isThere = (path: string): boolean => existsSync(join(tree.root, path))
    const put = async (file: string): Promise<void> => {
      await run('cp', [file, join(tree.root, 'tmp/agent.deb')])
      await system.run('dpkg', '--force-confold', '--force-unsafe-io', '-i', '/tmp/agent.deb')
    }
    const settings = (more: Readonly<Record<string, string>>): void =>
      writeFileSync(
        join(tree.root, SETTINGS),
        Object.entries({ ...delivery.settings(), ...more })
          .map((pair) => `${pair.join('=')}\n`)
          .join(''),
      )

    it('starts nothing by itself, and is whole', async () => {
      await put(debian)
      expect(await states()).toEqual(['inactive', 'inactive'])
      expect(await system.run('dpkg', '--verify', 'vouch-agent')).toBe('')
      expect(await system.run('systemd-analyze', 'verify', ...UNITS)).toBe('')
      expect(await system.run('stat', '-c', '%A %U %G', '/etc/vouch')).toBe('drwxr-x--- root vouch-agent')
    })

    it('enrols and delivers as a user without any right, and is back when it dies', async () => {
      tree.write('etc/vouch/token', await delivery.token())
      settings({ VOUCH_AGENT_TOKEN_FILE: '/etc/vouch/token' })
      await system.run('systemctl', 'enable', '--now', UNITS[0]!)
      await delivery.goesOn()
      const pid = await system.property(UNITS[0]!, 'MainPID')
      const status = await system.run('cat', `/proc/${pid}/status`)
      expect(status).toMatch(/^CapBnd:\t0+$/m)
      expect(status).toMatch(/^NoNewPrivs:\t1$/m)
      expect(status).toMatch(/^Seccomp:\t2$/m)
      expect(status).not.toMatch(/^Uid:\t0/m)
      expect(await system.run('stat', '-c', '%A %U', '/var/lib/vouch-agent')).toBe('drwx------ vouch-agent')
      await system.run('systemctl', 'kill', '-s', 'KILL', UNITS[0]!)
      await expect.poll(() => system.property(UNITS[0]!, 'NRestarts'), { timeout: 20_000 }).toBe('1')
      await delivery.goesOn()
    })

    it('meters containers through the proxy alone', async () => {
      await system.run('systemctl', 'enable', '--now', UNITS[1]!)
      settings({
        VOUCH_AGENT_SOURCES: 'host,docker',
        VOUCH_AGENT_DOCKER_SOCKET: '/run/vouch-docker-proxy/docker.sock',
      })
      await system.run('systemctl', 'restart', UNITS[0]!)
      await engine.script('sleep 60')
      await delivery.has('container.running')
      expect(await system.run('stat', '-c', '%A %G', '/run/vouch-docker-proxy/docker.sock')).toBe(
        'srw-rw---- vouch-agent',
      )
      expect(await system.run('id', '-nG', 'vouch-agent')).toBe('vouch-agent')
    })

    it('keeps settings, identity and what runs at an upgrade', async () => {
      const before = await system.property(UNITS[0]!, 'MainPID')
      const kept = readFileSync(join(tree.root, SETTINGS), 'utf8')
      const identity = readFileSync(join(tree.root, 'var/lib/vouch-agent/agent.json'), 'utf8')
      const agent = readFileSync(executable)
      const parts = { agent, notices: 'changed', readme: Buffer.from(''), version: `${AGENT_VERSION}+1` }
      writeFileSync(join(folder, 'newer.deb'), debianPackage(parts))
      await put(join(folder, 'newer.deb'))
      expect(await system.run('dpkg-query', '-W', '-f', '${Version}', 'vouch-agent')).toBe(parts.version)
      expect(await states()).toEqual(['active', 'active'])
      expect(await system.property(UNITS[0]!, 'MainPID')).not.toBe(before)
      expect(readFileSync(join(tree.root, SETTINGS), 'utf8')).toBe(kept)
      expect(readFileSync(join(tree.root, 'var/lib/vouch-agent/agent.json'), 'utf8')).toBe(identity)
      await delivery.goesOn()
    })

    it('stops and keeps its state when it is removed, and leaves nothing when it is purged', async () => {
      await system.run('dpkg', '--remove', 'vouch-agent')
      expect(await states()).toEqual(['inactive', 'inactive'])
      expect([
        isThere('usr/bin/vouch-agent'),
        isThere(SETTINGS),
        isThere('var/lib/vouch-agent/agent.key'),
      ]).toEqual([false, true, true])
      await system.run('dpkg', '--purge', 'vouch-agent')
      expect(globSync('{etc,usr,var}/**/*vouch*', { cwd: tree.root })).toEqual([])
    })
  })
})
