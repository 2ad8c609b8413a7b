import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Look } from '../ports.ts'
import { MeterBook } from '../reading/meter-book.ts'
import { Timeline } from '../reading/moment.ts'
import { RegisterFile } from '../reading/register-file.ts'
import { observed } from '../testing/registers.ts'
import { HostTree, valuesOf } from '../testing/host-tree.ts'
import { createHostFiles } from './host-files.ts'
import { hostResource } from './machine-id.ts'

let tree: HostTree
beforeEach(() => {
  tree = new HostTree().machine()
})
afterEach(() => tree.remove())

/** Ticks of user, nice, system, idle, iowait, irq, softirq, steal, guest and guest_nice. */
const stat = (...ticks: number[]): Record<string, string> => ({ 'proc/stat': `cpu  ${ticks.join(' ')}\n` })

/** What the looks of a source become, at cadences of a second unless told otherwise. */
class Metered {
  readonly #registers = new RegisterFile()
  readonly #book = new MeterBook(
    { agentId: new Uint8Array(16), runId: new Uint8Array(16).fill(1), bootId: new Uint8Array(16).fill(2) },
    this.#registers,
  )
  readonly #timeline = new Timeline()
  readonly #source = tree.source()
  #now = { wallMs: 1_800_000_000_000, monotonicMs: 0, boottimeMs: 0 }

  async look(suspendedMs = 0) {
    const { wallMs, monotonicMs, boottimeMs } = this.#now
    const passedMs = 1000 + suspendedMs
    this.#now = {
      wallMs: wallMs + passedMs,
      monotonicMs: monotonicMs + 1000,
      boottimeMs: boottimeMs + passedMs,
    }
    const [look] = (await this.#source.look()) as [Look]
    const moment = this.#timeline.next('host', this.#now, 1000)!
    const { readings, declared } = observed(this.#book, look.samples, moment)
    for (const { id, resource, meter } of declared) this.#names.set(id.toHex(), `${resource} ${meter}`)
    return readings.map((reading) => ({
      ...reading,
      stream: this.#names.get(this.#registers.id(reading.stream).toHex()),
    }))
  }

  /** The reading of one stream at the next look. */
  async reads(stream: string, suspendedMs = 0) {
    return (await this.look(suspendedMs)).find((reading) => reading.stream === `host:a${stream}`)
  }

  readonly #names = new Map<string, string>()
}

describe('processor time', () => {
  it('H1: what guests used is inside user and nice, and counts once', async () => {
    tree.put(stat(1000, 500, 0, 0, 0, 0, 0, 0, 900, 400))
    expect((await valuesOf(tree.source())).get('host.cpu.used')).toBe(15_000n)
    tree.put(stat(1000, 500, 0, 0, 0, 0, 0, 0, 0, 0))
    expect((await valuesOf(tree.source())).get('host.cpu.used')).toBe(15_000n)
  })

  it('H2: what the hypervisor withheld is a meter of its own, neither used nor idle', async () => {
    const source = tree.source()
    tree.put(stat(100, 0, 50, 1000, 0, 0, 0, 0, 0, 0))
    const before = await valuesOf(source)
    tree.put(stat(100, 0, 50, 1000, 0, 0, 0, 300, 0, 0))
    const after = await valuesOf(source)
    expect(after.get('host.cpu.used')).toBe(before.get('host.cpu.used'))
    expect(after.get('host.cpu.steal')).toBe(3000n)
  })

  it('H3: idle and iowait may fall and change nothing; a used or steal that falls is a reset and never less than nothing', async () => {
    const host = new Metered()
    tree.put(stat(100, 0, 0, 5000, 900, 0, 0, 50, 0, 0))
    const first = await host.reads(' host.cpu.used')
    tree.put(stat(110, 0, 0, 4000, 100, 0, 0, 60, 0, 0))
    const second = await host.reads(' host.cpu.used')
    expect(second).toMatchObject({ epoch: first?.epoch, register: 1100n })
    tree.put(stat(90, 0, 0, 4000, 100, 0, 0, 10, 0, 0))
    const readings = await host.look()
    const fallen = readings.filter(({ stream }) => /used|steal/.test(stream ?? ''))
    for (const meter of ['host:a host.cpu.used', 'host:a host.cpu.steal']) {
      const reading = fallen.find(({ stream }) => stream === meter)
      expect(reading?.epoch).toBeGreaterThan(first!.epoch)
      expect(reading?.spanMs).toBe(0)
    }
  })
})

describe('a live migration', () => {
  it('H18: leaves epochs and usage as they are, however steal and idle leap', async () => {
    const host = new Metered()
    tree.put(stat(100, 0, 0, 5000, 0, 0, 0, 50, 0, 0))
    const before = await host.reads(' host.cpu.used')
    tree.put(stat(103, 0, 0, 4000, 0, 0, 0, 90_050, 0, 0))
    const after = await host.look()
    expect(after.find(({ stream }) => stream === 'host:a host.cpu.used')).toMatchObject({
      epoch: before!.epoch,
      register: 1030n,
      spanMs: 1000,
    })
    expect(new Set(after.map(({ epoch }) => epoch)).size).toBe(1)
  })
})

describe('space on disks', () => {
  it('H12: is what files occupy once, without layers of containers; what disks have is a meter of its own', async () => {
    const layers = '/var/lib/docker/overlay2/ab/merged'
    tree.put({
      'proc/1/mountinfo':
        tree.mounted('/') + tree.mounted(layers, 'overlay', tree.device, 'overlay') + tree.mounted('/bind'),
    })
    const values = [...(await valuesOf(tree.source())).keys()]
    expect(values.filter((key) => key.includes('host.disk.used'))).toEqual(['/filesystem:%2F host.disk.used'])
    expect(values).toContain('/disk:vda host.disk.allocated')
  })
})

describe('a suspend', () => {
  it('H14: holds no memory and no cores, is covered by nobody, and is part of the uptime', async () => {
    const host = new Metered()
    const allocated = ' host.cpu.allocated'
    await host.look()
    expect(await host.reads(allocated)).toMatchObject({ register: 4000n, spanMs: 1000 })
    tree.put({ 'proc/uptime': '15945.67 0.00\n' })
    const after = await host.look(3_600_000)
    expect(after.find(({ stream }) => stream === `host:a${allocated}`)).toMatchObject({
      register: 8000n,
      spanMs: 0,
    })
    expect(after.find(({ stream }) => stream === 'host:a host.uptime')).toMatchObject({ register: 15_945n })
  })
})

describe('what is plugged while the agent runs', () => {
  it('processors count from the look that sees them', async () => {
    const host = new Metered()
    await host.look()
    tree.put({ 'sys/devices/system/cpu/online': '0-7\n' })
    expect(await host.reads(' host.cpu.allocated')).toMatchObject({ register: 4000n })
    tree.put({ 'sys/devices/system/cpu/online': '0\n' })
    expect(await host.reads(' host.cpu.allocated')).toMatchObject({ register: 12_000n })
    expect(await host.reads(' host.cpu.allocated')).toMatchObject({ register: 13_000n })
  })

  it('disks begin with a baseline, end without a zero, and another one under the name is another life', async () => {
    const host = new Metered()
    await host.look()
    const disk = (sectors: number, sequence: number) => ({
      'sys/block/vdb/device/x': '',
      'sys/block/vdb/size': '2048\n',
      'sys/block/vdb/diskseq': `${sequence}\n`,
      'proc/diskstats': ` 254 16 vdb 1 0 ${sectors} 0 1 0 0 0 0 0 0\n`,
    })
    tree.put(disk(100, 8))
    const first = await host.reads('/disk:vdb host.disk.read')
    expect(first).toMatchObject({ register: 51_200n, spanMs: 0 })
    tree.without('sys/block/vdb')
    expect(await host.reads('/disk:vdb host.disk.read')).toBeUndefined()
    tree.put(disk(900, 9))
    const again = await host.reads('/disk:vdb host.disk.read')
    expect(again).toMatchObject({ register: 460_800n, spanMs: 0 })
    expect(again!.epoch).toBeGreaterThan(first!.epoch)
  })

  it('interfaces likewise, by the index that the kernel gives each once', async () => {
    const host = new Metered()
    const eth1 = (octets: number, index: number) => ({
      'proc/1/net/dev': ` eth1: ${octets} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n`,
      'sys/class/net/eth1/device/x': '',
      'sys/class/net/eth1/ifindex': `${index}\n`,
    })
    await host.look()
    tree.put(eth1(500, 3))
    const first = await host.reads('/interface:eth1 host.network.received')
    expect(first).toMatchObject({ register: 500n, spanMs: 0 })
    tree.put(eth1(900, 4))
    expect((await host.reads('/interface:eth1 host.network.received'))!.epoch).toBeGreaterThan(first!.epoch)
  })
})

describe('the tree of a machine in a container', () => {
  it('is read through process 1, and what is not mounted with it is absent, not the wrong figure', async () => {
    tree.put({
      'proc/self/net/dev': ' eth9: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n',
      'proc/self/mountinfo': tree.mounted('/inside'),
      'proc/1/mountinfo': tree.mounted('/') + tree.mounted('/data', '/dev/vdb1', '254:16'),
    })
    const source = tree.source()
    const values = await valuesOf(source)
    const below = [...values.keys()].filter((key) => key.startsWith('/'))
    expect(below.map((key) => key.split(' ')[0])).toEqual(
      expect.arrayContaining(['/interface:eth0', '/filesystem:%2F']),
    )
    expect(below.join()).not.toMatch(/eth9|inside|data/)
    const { blocks, bfree, bsize } = statfsSync(join(tree.root, '/'), { bigint: true })
    // Others write to this disk meanwhile.
    const used = values.get('/filesystem:%2F host.disk.used')!
    expect(used > 0n && used <= blocks * bsize && bfree >= 0n).toBe(true)
    expect(source.unavailable?.()).toEqual([
      { meter: 'host.disk.used', reason: '/data cannot be seen from here' },
    ])
  })
})

describe('processors for graphics', () => {
  it('are declared unavailable where there are any', async () => {
    const source = tree.source()
    tree.put({ 'sys/class/drm/card0/x': '' })
    await source.look()
    expect(source.unavailable?.()).toEqual([])
    tree.put({ 'sys/class/drm/renderD128/x': '', 'proc/driver/nvidia/gpus/0000:01:00.0/information': '' })
    await source.look()
    expect(source.unavailable?.()).toMatchObject([{ meter: 'host.gpu.used' }])
    expect(source.unavailable?.()[0]?.reason).toContain('renderD128, 0000:01:00.0')
  })
})

describe('H16: the name of a host', () => {
  it('does not reveal the machine id, and is the same as long as that is', async () => {
    tree.put({ 'etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n' })
    const files = createHostFiles(tree.root)
    const name = await hostResource(files, tree.root)
    expect(name).toMatch(/^host:[0-9a-f]{16}$/)
    expect(name).not.toContain('3d1219c7')
    expect(await hostResource(files, tree.root)).toBe(name)
    tree.put({ 'etc/machine-id': '4d1219c7c4c5404aaa1f6d2a48adfda4\n' })
    expect(await hostResource(files, tree.root)).not.toBe(name)
  })

  it('is kept in the state directory where there is no machine id', async () => {
    const files = createHostFiles(tree.root)
    expect(await hostResource(files, tree.root)).toBe(await hostResource(files, tree.root))
  })
})
