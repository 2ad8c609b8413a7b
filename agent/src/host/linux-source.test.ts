import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHostFiles } from './host-files.ts'
import { createHostSource } from './host-source.ts'
import { createLinuxSource } from './linux-source.ts'
import { hostResource } from './machine-id.ts'
import { parseCpu } from './parse-proc.ts'

const STAT = 'cpu  4705 150 1120 16250 520 30 45 77 900 10\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n'
const MEMINFO = 'MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    6000000 kB\n'
const NET =
  'Inter-|   Receive |  Transmit\n face |bytes packets\n' +
  '    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n' +
  '  eth0:18446744073709551615 2 0 0 0 0 0 0 700 3 0 0 0 0 0 0\n' +
  ' bond0: 9 2 0 0 0 0 0 0 9 3 0 0 0 0 0 0\n' +
  'veth12: 8 2 0 0 0 0 0 0 8 3 0 0 0 0 0 0\n'
const DISKS =
  '   7 0 loop0 1 0 8 0 1 0 8 0 0 0 0\n 253 0 dm-0 5 0 100 1 6 0 200 1 0 0 0\n' +
  ' 254 0 vda 10 2 4096 1 20 3 8192 1 0 9 9 1 1 1 1\n 254 1 vda1 9 2 4000 1 20 3 8000 1 0 9 9\n'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vouch-host-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function tree(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

const MACHINE = {
  'proc/stat': STAT,
  'proc/meminfo': MEMINFO,
  'proc/uptime': '12345.67 23456.78\n',
  'proc/diskstats': DISKS,
  'proc/1/net/dev': NET,
  'proc/1/mountinfo':
    '22 1 254:1 / / rw shared:1 - ext4 /dev/vda1 rw\n23 22 254:1 /srv /mnt/a\\040b rw - ext4 /dev/vda1 rw\n' +
    '24 22 0:40 / /nfs rw - nfs4 server:/x rw\n25 22 7:0 / /snap rw - ext4 /dev/loop0 rw\n',
  'sys/devices/system/cpu/online': '0-2,5\n',
  'sys/block/vda/device/x': '',
  'sys/block/vda/size': '2048\n',
  'sys/block/vda/diskseq': '7\n',
  'sys/block/dm-0/size': '2048\n',
  'sys/block/loop0/size': '8\n',
  'sys/class/net/eth0/device/x': '',
  'sys/class/net/eth0/ifindex': '2\n',
}

async function look(scope: 'auto' | 'machine' = 'auto') {
  const files = createHostFiles(root)
  const source = createLinuxSource({ files, resource: 'host:a', ticksPerSecond: 100n, scope })
  const samples = (await source.look()).flatMap((each) => each.samples)
  const unavailable = source.unavailable?.() ?? []
  return { values: new Map(samples.map((s) => [`${s.resource} ${s.meter}`, s.value])), samples, unavailable }
}

describe('a Linux machine', () => {
  it('is metered in exact units, each octet and each millisecond once', async () => {
    tree(MACHINE)
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
    tree({ ...MACHINE, 'sys/class/net/eth0/device/x': '' })
    rmSync(join(root, 'sys/class/net/eth0/device'), { recursive: true })
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
    tree({ ...MACHINE, ...group })
    const { values, unavailable } = await look()
    expect(values.get('host:a host.cpu.used')).toBe(5000n)
    expect(values.get('host:a host.cpu.allocated')).toBe(1500n)
    expect(values.get('host:a host.memory.held')).toBe(600_000n)
    expect(values.get('host:a host.memory.allocated')).toBe(8_000_000n * 1024n)
    expect(unavailable.map(({ meter }) => meter)).toEqual(['host.cpu.steal'])
  })

  it('is not the host where the machine is asked for, or where it has no limit', async () => {
    tree({ ...MACHINE, ...V2 })
    expect((await look('machine')).values.get('host:a host.cpu.used')).toBe(60_500n)
    tree({ 'sys/fs/cgroup/cpu.max': 'max 100000\n' })
    expect((await look()).values.get('host:a host.cpu.used')).toBe(60_500n)
  })
})

describe('the name of a host', () => {
  it('does not reveal the machine id', async () => {
    tree({ 'etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n' })
    const name = await hostResource(createHostFiles(root), root)
    expect(name).toMatch(/^host:[0-9a-f]{16}$/)
    expect(name).not.toContain('3d1219c7')
    expect(await hostResource(createHostFiles(root), root)).toBe(name)
  })

  it('is kept where there is no machine id', async () => {
    const name = await hostResource(createHostFiles(root), root)
    expect(await hostResource(createHostFiles(root), root)).toBe(name)
  })
})

describe.skipIf(process.platform !== 'linux' && process.env['CI'] !== 'true')('this machine', () => {
  it('is read between two readings of its own /proc/stat', async () => {
    const source = createHostSource({ files: createHostFiles('/'), resource: 'host:a', scope: 'machine' })
    const ms = () => (parseCpu(readFileSync('/proc/stat', 'utf8'))?.used ?? 0n) * 10n
    const before = ms()
    const [looked] = await source.look()
    const used = looked!.samples.find(({ meter }) => meter === 'host.cpu.used')?.value ?? -1n
    expect(used >= before && used <= ms()).toBe(true)
  })
})
