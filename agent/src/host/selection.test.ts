import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AGENT_SETTINGS, readAgentConfig } from '../config.ts'
import { HostTree, valuesOf } from '../testing/host-tree.ts'
import { patterns } from './selection.ts'

let tree: HostTree
beforeEach(() => {
  tree = new HostTree().machine()
})
afterEach(() => tree.remove())

const matching = (text: string) => unwrap(patterns(text))

it.each([
  ['eth*', 'eth0', true],
  ['eth*', 'veth0', false],
  ['/mnt/*', '/mnt/a', true],
  ['/mnt/*', '/mnt/a/b', false],
  ['/mnt/**', '/mnt/a/b', true],
  ['a.b', 'axb', false],
  ['eth?,br0', 'br0', true],
  ['eth?', 'eth10', false],
])('%s and %s: %s', (text, name, fits) => {
  expect(matching(text).some((pattern) => pattern.test(name))).toBe(fits)
})

it.each(['', 'eth0,,eth1', 'x'.repeat(201)])('%j is no list of patterns', (text) => {
  expect(patterns(text)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
})

it('name interfaces that the built-in rule leaves out, and leave out what it names', async () => {
  const namesWith = async (include: string | undefined, exclude?: string) => {
    const interfaces = {
      include: include === undefined ? undefined : matching(include),
      exclude: exclude === undefined ? [] : matching(exclude),
    }
    const source = tree.source({ interfaces })
    const names = [...(await valuesOf(source)).keys()].filter((key) => key.includes('received'))
    return names.map((key) => key.split(/[: ]/)[1])
  }
  expect(await namesWith(undefined)).toEqual(['eth0'])
  expect(await namesWith('eth0,bond*,lo')).toEqual(['lo', 'eth0', 'bond0'])
  expect(await namesWith('*', 'lo,veth*')).toEqual(['eth0', 'bond0'])
  expect(await namesWith(undefined, 'eth*')).toEqual([])
})

it('name file systems by mount point, each once', async () => {
  tree.put({
    'proc/1/mountinfo':
      tree.mounted('/') + tree.mounted('/srv') + tree.mounted('/t', 'tmpfs', tree.device, 'tmpfs'),
  })
  const pointsWith = async (include: string | undefined, exclude?: string) => {
    const fileSystems = {
      include: include === undefined ? undefined : matching(include),
      exclude: exclude === undefined ? [] : matching(exclude),
    }
    const source = tree.source({ fileSystems })
    const keys = [...(await valuesOf(source)).keys()].filter((key) => key.includes('host.disk.used'))
    return { points: keys.map((key) => key.split(/[: ]/)[1]), missing: source.unavailable?.() }
  }
  expect((await pointsWith(undefined)).points).toEqual(['%2F'])
  expect((await pointsWith('/srv,/t')).points).toEqual(['%2Fsrv', '%2Ft'])
  expect((await pointsWith('**', '/t')).points).toEqual(['%2F'])
  // Excluded under the mount point that it goes by, it does not come back under another one.
  expect(await pointsWith(undefined, '/')).toEqual({
    points: [],
    missing: [{ meter: 'host.disk.used', reason: 'the rules leave no file system' }],
  })
})

it('come from settings', () => {
  const config = unwrap(readAgentConfig({ VOUCH_AGENT_INTERFACES_EXCLUDE: 'veth*, br0' }))
  expect(config.interfacesExclude).toHaveLength(2)
  expect(AGENT_SETTINGS.fileSystemsInclude.env).toBe('VOUCH_AGENT_FILESYSTEMS_INCLUDE')
})
