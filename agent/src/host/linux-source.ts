import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { BuiltInMeter } from '@vouch/proto/kernel/meter.ts'
import type { Sample, Source, Unavailable } from '../ports.ts'
import { readControlGroup } from './cgroup.ts'
import type { ControlGroup } from './cgroup.ts'
import type { HostFiles } from './host-files.ts'
import {
  parseCpu,
  parseCpuList,
  parseDiskSize,
  parseDisks,
  parseInterfaces,
  parseMemory,
  parseMounts,
  parseUptimeMs,
} from './parse-proc.ts'

/** What the Linux source needs to know. */
export interface LinuxSourceOptions {
  readonly files: HostFiles
  /** Resource of the host; disks, interfaces and file systems lie below it. */
  readonly resource: string
  /** Ticks of /proc/stat in a second. */
  readonly ticksPerSecond: bigint
  /** What counts as the host: the machine, or the container that the agent runs in when it has limits. */
  readonly scope: 'auto' | 'machine'
}

/** Meters the Linux host that the files describe. Every value is the kernel's own, converted without rounding up. */
export function createLinuxSource(options: LinuxSourceOptions): Source {
  const { files, resource } = options
  let missing: readonly Unavailable[] = []
  return {
    name: 'host',
    async look() {
      const group = options.scope === 'auto' ? await readControlGroup(files) : undefined
      const parts = await Promise.all([
        processor(options, group),
        memory(options, group),
        disks(files, resource),
        fileSystems(files, resource),
        interfaces(files, resource),
        uptime(files, resource),
      ])
      missing = parts.flatMap((each) => each.missing)
      return [{ samples: parts.flatMap((each) => each.samples) }]
    },
    unavailable: () => missing,
  }
}

interface Part {
  readonly samples: readonly Sample[]
  readonly missing: readonly Unavailable[]
}

function part(samples: readonly Sample[], missing: readonly Unavailable[] = []): Part {
  return { samples, missing }
}

function absent(reason: string, ...meters: readonly BuiltInMeter[]): Part {
  return part(
    [],
    meters.map((meter) => ({ meter, reason })),
  )
}

async function processor(options: LinuxSourceOptions, group: ControlGroup | undefined): Promise<Part> {
  const { files, resource, ticksPerSecond } = options
  const ticks = parseCpu(await files.textOr('proc/stat', ''))
  const online = parseCpuList(await files.textOr('sys/devices/system/cpu/online', ''))
  const samples: Sample[] = []
  const milliseconds = (count: bigint): bigint => (count * 1000n) / ticksPerSecond
  const used = group?.cpuUsedMs ?? (ticks === undefined ? undefined : milliseconds(ticks.used))
  if (used !== undefined) {
    samples.push({ resource, meter: 'host.cpu.used', value: used, life: group === undefined ? '' : 'cgroup' })
  }
  if (ticks !== undefined && group === undefined) {
    samples.push({ resource, meter: 'host.cpu.steal', value: milliseconds(ticks.steal) })
  }
  const allocated = group?.cpuThousandths ?? (online === undefined ? undefined : online * 1000n)
  if (allocated !== undefined) samples.push({ resource, meter: 'host.cpu.allocated', value: allocated })
  const given = new Set(samples.map(({ meter }) => meter))
  const meters = ['host.cpu.used', 'host.cpu.steal', 'host.cpu.allocated'] as const
  const lacking = meters.filter((meter) => !given.has(meter))
  const reason =
    group === undefined ? 'not found in /proc/stat and /sys/devices' : 'unknown within a container'
  return part(samples, absent(reason, ...lacking).missing)
}

async function memory(options: LinuxSourceOptions, group: ControlGroup | undefined): Promise<Part> {
  const { files, resource } = options
  const machine = parseMemory(await files.textOr('proc/meminfo', ''))
  if (machine === undefined)
    return absent('MemAvailable is not in /proc/meminfo', 'host.memory.held', 'host.memory.allocated')
  const held = group?.memoryHeld ?? machine.total - machine.available
  const allocated = group?.memoryLimit ?? machine.total
  return part([
    { resource, meter: 'host.memory.held', value: held },
    { resource, meter: 'host.memory.allocated', value: allocated },
  ])
}

/** Disks with a device behind them: no loop, ram, zram, device-mapper or RAID disk, which would count twice. */
async function disks(files: HostFiles, host: string): Promise<Part> {
  const octets = new Map(
    parseDisks(await files.textOr('proc/diskstats', '')).map((disk) => [disk.name, disk]),
  )
  const samples: Sample[] = []
  for (const name of await files.names('sys/block')) {
    if (/^(?:sr|fd)\d/.test(name) || !(await files.exists(`sys/block/${name}/device`))) continue
    const resource = `${host}/disk:${escapeSegment(name)}`
    const life = (await files.textOr(`sys/block/${name}/diskseq`, '')).trim()
    const counters = octets.get(name)
    if (counters !== undefined) {
      samples.push({ resource, meter: 'host.disk.read', value: counters.read, life })
      samples.push({ resource, meter: 'host.disk.written', value: counters.written, life })
    }
    const size = parseDiskSize(await files.textOr(`sys/block/${name}/size`, ''))
    if (size !== undefined) samples.push({ resource, meter: 'host.disk.allocated', value: size })
  }
  if (samples.length > 0) return part(samples)
  const meters = ['host.disk.read', 'host.disk.written', 'host.disk.allocated'] as const
  return absent('no disk with a device behind it', ...meters)
}

/** Space used, per file system; what is allocated is the disk's affair, so the two never mix. */
async function fileSystems(files: HostFiles, host: string): Promise<Part> {
  const samples: Sample[] = []
  for (const mount of parseMounts(await files.textOr(`proc/${files.process}/mountinfo`, ''))) {
    const value = await files.usedOctets(mount.mountPoint)
    if (value === undefined) continue
    const resource = `${host}/filesystem:${escapeSegment(mount.mountPoint)}`
    const attributes = { source: mount.source, type: mount.type }
    samples.push({ resource, meter: 'host.disk.used', value, attributes })
  }
  return samples.length > 0 ? part(samples) : absent('no file system on a disk of its own', 'host.disk.used')
}

/** Names that stand for traffic which another interface carries already. */
const STACKED =
  /^(?:lo|veth.*|docker.*|br-.*|virbr.*|ifb.*|dummy.*|tun.*|tap.*|wg.*|bond.*|team.*|vlan.*|.*\..*|.*@.*)$/

/** Interfaces with a device behind them; where none has one (a container), all that are not known to be stacked. */
async function interfaces(files: HostFiles, host: string): Promise<Part> {
  const all = parseInterfaces(await files.textOr(`proc/${files.process}/net/dev`, ''))
  const physical: typeof all = []
  for (const each of all) {
    if (await files.exists(`sys/class/net/${each.name}/device`)) physical.push(each)
  }
  const chosen = physical.length > 0 ? physical : all.filter(({ name }) => !STACKED.test(name))
  const samples: Sample[] = []
  for (const { name, received, transmitted } of chosen) {
    const resource = `${host}/interface:${escapeSegment(name)}`
    const life = (await files.textOr(`sys/class/net/${name}/ifindex`, '')).trim()
    samples.push({ resource, meter: 'host.network.received', value: received, life })
    samples.push({ resource, meter: 'host.network.transmitted', value: transmitted, life })
  }
  const meters = ['host.network.received', 'host.network.transmitted'] as const
  return samples.length > 0
    ? part(samples)
    : absent('no interface that carries traffic of its own', ...meters)
}

async function uptime(files: HostFiles, resource: string): Promise<Part> {
  const ms = parseUptimeMs(await files.textOr('proc/uptime', ''))
  if (ms === undefined) return absent('/proc/uptime cannot be read', 'host.uptime')
  return part([{ resource, meter: 'host.uptime', value: ms / 1000n }])
}
