import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { readAgentConfig } from '../config.ts'
import { HostTree } from '../testing/host-tree.ts'
import { createHostFiles } from './host-files.ts'
import { createHostSource } from './host-source.ts'
import { createLinuxSource } from './linux-source.ts'
import { parseCpu } from './parse-proc.ts'

let tree: HostTree
beforeEach(() => {
  tree = new HostTree()
})
afterEach(() => tree.remove())

const ALL = { include: undefined, exclude: [] }

async function look(scope: 'auto' | 'machine' = 'auto') {
  const files = createHostFiles(tree.root)
  const rules = { fileSystems: ALL, interfaces: ALL }
  const source = createLinuxSource({ files, resource: 'host:a', ticksPerSecond: 100n, scope, ...rules })
  const samples = (await source.look()).flatMap((each) => each.samples)
  const unavailable = source.unavailable?.() ?? []
  return { values: new Map(samples.map((s) => [`${s.resource} ${s.meter}`, s.value])), samples, unavailable }
}

describe('a Linux machine', () => {
  it('is metered in exact units, each octet and each millisecond once', async () => {
    tree.machine()
    const { values, samples, unavailable } = await look()
    const used = values.get('host:a/filesystem:%2F host.disk.used')
    expect(used).toBeTypeOf('bigint')
    // 4705 + 150 + 1120 + 30 + 45 ticks of 10 ms: no guest again, no idle, iowait or steal.
    expect(Object.fromEntries(values)).toEqual({
      'host:a host.cpu.used': 60_500n,
      'host:a host.cpu.steal': 770n,
      'host:a host.cpu.allocated': 4000n,
      'host:a host.memory.held': 2_000_000n * 1024n,
      'host:a host.memory.allocated': 8_000_000n * 1024n,
      'host:a/disk:vda host.disk.read': 4096n * 512n,
      'host:a/disk:vda host.disk.written': 8192n * 512n,
      'host:a/disk:vda host.disk.allocated': 2048n * 512n,
      'host:a/filesystem:%2F host.disk.used': used,
      'host:a/interface:eth0 host.network.received': 2n ** 64n - 1n,
      'host:a/interface:eth0 host.network.transmitted': 700n,
      'host:a host.uptime': 12_345n,
    })
    expect(samples.find(({ meter }) => meter === 'host.network.received')?.life).toBe('2')
    expect(samples.find(({ meter }) => meter === 'host.disk.read')?.life).toBe('7')
    expect(unavailable).toEqual([])
  })

  it('without a device behind any interface counts those that are not stacked', async () => {
    tree.machine().without('sys/class/net/eth0/device')
    const { samples } = await look()
    const received = samples.filter(({ meter }) => meter === 'host.network.received')
    expect(received.map(({ resource }) => resource)).toEqual(['host:a/interface:eth0'])
  })

  it('declares what is absent unavailable, never zero', async () => {
    const { values, unavailable } = await look()
    expect([...values]).toEqual([])
    expect(unavailable.map(({ meter }) => meter)).toEqual([
      'host.cpu.used',
      'host.cpu.steal',
      'host.cpu.allocated',
      'host.memory.held',
      'host.memory.allocated',
      'host.disk.read',
      'host.disk.written',
      'host.disk.allocated',
      'host.disk.used',
      'host.network.received',
      'host.network.transmitted',
      'host.uptime',
    ])
  })
})

const V2 = {
  'sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
  'sys/fs/cgroup/cpu.stat': 'usage_usec 5000999\nuser_usec 1\n',
  'sys/fs/cgroup/memory.current': '1000000\n',
  'sys/fs/cgroup/memory.stat': 'anon 5\ninactive_file 400000\n',
  'sys/fs/cgroup/cpu.max': '150000 100000\n',
  'sys/fs/cgroup/memory.max': 'max\n',
}
const V1 = {
  'sys/fs/cgroup/cpuacct/cpuacct.usage': '5000999999\n',
  'sys/fs/cgroup/memory/memory.usage_in_bytes': '1000000\n',
  'sys/fs/cgroup/memory/memory.stat': 'total_inactive_file 400000\n',
  'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '150000\n',
  'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
}

describe('a container with limits', () => {
  it.each([
    ['v2, in microseconds', V2],
    ['v1, in nanoseconds', V1],
  ])('is the host: %s', async (_, group) => {
    tree.machine().put(group)
    const { values, unavailable } = await look()
    expect(values.get('host:a host.cpu.used')).toBe(5000n)
    expect(values.get('host:a host.cpu.allocated')).toBe(1500n)
    expect(values.get('host:a host.memory.held')).toBe(600_000n)
    expect(values.get('host:a host.memory.allocated')).toBe(8_000_000n * 1024n)
    expect(unavailable.map(({ meter }) => meter)).toEqual(['host.cpu.steal'])
  })

  it('is not the host where the machine is asked for, or where it has no limit', async () => {
    tree.machine().put(V2)
    expect((await look('machine')).values.get('host:a host.cpu.used')).toBe(60_500n)
    tree.put({ 'sys/fs/cgroup/cpu.max': 'max 100000\n' })
    expect((await look()).values.get('host:a host.cpu.used')).toBe(60_500n)
  })
})

describe.skipIf(process.platform !== 'linux' && process.env['CI'] !== 'true')('this machine', () => {
  it('is read between two readings of its own /proc/stat', async () => {
    const config = unwrap(readAgentConfig({ VOUCH_AGENT_SCOPE: 'machine' }))
    const source = createHostSource(config, createHostFiles('/'), 'host:a')
    const ms = () => (parseCpu(readFileSync('/proc/stat', 'utf8'))?.used ?? 0n) * 10n
    const before = ms()
    const [looked] = await source.look()
    const used = looked!.samples.find(({ meter }) => meter === 'host.cpu.used')?.value ?? -1n
    expect(used >= before && used <= ms()).toBe(true)
  })
})
