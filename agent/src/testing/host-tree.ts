import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createHostFiles } from '../host/host-files.ts'
import { createLinuxSource } from '../host/linux-source.ts'
import type { LinuxSourceOptions } from '../host/linux-source.ts'
import type { Source } from '../ports.ts'

const ALL = { include: undefined, exclude: [] }
const MACHINE = {
  'proc/stat': 'cpu  4705 150 1120 16250 520 30 45 77 900 10\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 5\n',
  'proc/meminfo': 'MemTotal:        8000000 kB\nMemFree:          100 kB\nMemAvailable:    6000000 kB\n',
  'proc/uptime': '12345.67 23456.78\n',
  'proc/diskstats':
    '   7 0 loop0 1 0 8 0 1 0 8 0 0 0 0\n 253 0 dm-0 5 0 100 1 6 0 200 1 0 0 0\n' +
    ' 254 0 vda 10 2 4096 1 20 3 8192 1 0 9 9 1 1 1 1\n 254 1 vda1 9 2 4000 1 20 3 8000 1 0 9 9\n',
  'proc/1/net/dev':
    'Inter-|   Receive |  Transmit\n face |bytes packets\n' +
    '    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n' +
    '  eth0:18446744073709551615 2 0 0 0 0 0 0 700 3 0 0 0 0 0 0\n' +
    ' bond0: 9 2 0 0 0 0 0 0 9 3 0 0 0 0 0 0\n' +
    'veth12: 8 2 0 0 0 0 0 0 8 3 0 0 0 0 0 0\n',
  'sys/devices/system/cpu/online': '0-2,5\n',
  'sys/block/vda/device/x': '',
  'sys/block/vda/size': '2048\n',
  'sys/block/vda/diskseq': '7\n',
  'sys/block/dm-0/size': '2048\n',
  'sys/block/loop0/size': '8\n',
  'sys/class/net/eth0/device/x': '',
  'sys/class/net/eth0/ifindex': '2\n',
}

/** A file tree as a host shows it, in a directory of its own. */
export class HostTree {
  readonly root = mkdtempSync(join(tmpdir(), 'vouch-host-'))
  /** `major:minor` of the file system that the tree is on. */
  readonly device: string

  constructor() {
    const number = statSync(this.root, { bigint: true }).dev
    const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)
    this.device = `${major}:${(number & 0xffn) | ((number >> 12n) & 0xffffff00n)}`
  }

  /** A line of mountinfo for a directory that exists from then on. */
  mounted(mountPoint: string, source = '/dev/vda1', device = this.device, type = 'ext4'): string {
    mkdirSync(join(this.root, mountPoint.replaceAll('\\040', ' ')), { recursive: true })
    return `22 1 ${device} / ${mountPoint} rw shared:1 - ${type} ${source} rw\n`
  }

  put(files: Readonly<Record<string, string>>): this {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      writeFileSync(join(this.root, path), text)
    }
    return this
  }

  /** A machine with four processors, a disk, an interface and what must not count beside them. */
  machine(): this {
    const mounts = [
      this.mounted('/'),
      this.mounted('/mnt/a\\040b'),
      this.mounted('/nfs', 'server:/x', '0:40', 'nfs4'),
      this.mounted('/snap', '/dev/loop0', '7:0'),
    ]
    return this.put({ ...MACHINE, 'proc/1/mountinfo': mounts.join('') })
  }

  /** A source that meters this machine by the built-in rules, unless told otherwise. */
  source(over: Partial<LinuxSourceOptions> = {}): Source {
    const files = createHostFiles(this.root)
    const options = { files, resource: 'host:a', ticksPerSecond: 100n, scope: 'machine' as const }
    return createLinuxSource({ ...options, fileSystems: ALL, interfaces: ALL, ...over })
  }

  without(path: string): this {
    rmSync(join(this.root, path), { recursive: true })
    return this
  }

  remove(): void {
    rmSync(this.root, { recursive: true })
  }
}

/** What one look of a source sees, under resource (below the host's) and meter. */
export async function valuesOf(source: Source): Promise<Map<string, bigint>> {
  const samples = (await source.look()).flatMap((each) => each.samples)
  return new Map(samples.map((s) => [`${s.resource.replace('host:a', '')} ${s.meter}`.trim(), s.value]))
}
