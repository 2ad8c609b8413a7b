import type { Sample, Source, Unavailable } from '../ports.ts'
import { readControlGroup } from './cgroup.ts'
import type { ControlGroup } from './cgroup.ts'
import { gpus } from './gpus.ts'
import type { HostFiles } from './host-files.ts'
import { interfaces } from './interfaces.ts'
import { parseCpu, parseCpuList, parseMemory, parseUptimeMs } from './parse-proc.ts'
import { absent, part } from './part.ts'
import type { Part } from './part.ts'
import type { Selection } from './selection.ts'
import { disks, fileSystems } from './storage.ts'

/** What the Linux source needs to know. */
export interface LinuxSourceOptions {
  readonly files: HostFiles
  /** Resource of the host; disks, interfaces and file systems lie below it. */
  readonly resource: string
  /** Ticks of /proc/stat in a second. */
  readonly ticksPerSecond: bigint
  /** What counts as the host: the machine, or the container that the agent runs in when it has limits. */
  readonly scope: 'auto' | 'machine'
  /** By mount point. */
  readonly fileSystems: Selection
  /** By name. */
  readonly interfaces: Selection
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
        fileSystems(files, resource, options.fileSystems),
        interfaces(files, resource, options.interfaces),
        uptime(files, resource),
        gpus(files),
      ])
      missing = parts.flatMap((each) => each.missing)
      return [{ samples: parts.flatMap((each) => each.samples) }]
    },
    unavailable: () => missing,
  }
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

async function uptime(files: HostFiles, resource: string): Promise<Part> {
  const ms = parseUptimeMs(await files.textOr('proc/uptime', ''))
  if (ms === undefined) return absent('/proc/uptime cannot be read', 'host.uptime')
  return part([{ resource, meter: 'host.uptime', value: ms / 1000n }])
}
