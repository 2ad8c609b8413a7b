import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Sample, Unavailable } from '../ports.ts'
import type { HostFiles } from './host-files.ts'
import { parseDiskSize, parseDisks } from './parse-proc.ts'
import { parseMounts } from './mounts.ts'
import { absent, part } from './part.ts'
import type { Part } from './part.ts'
import { isIncluded, isSelected } from './selection.ts'
import type { Selection } from './selection.ts'

/** Disks with a device behind them: no loop, ram, zram, device-mapper or RAID disk, which would count twice. */
export async function disks(files: HostFiles, host: string): Promise<Part> {
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

/**
 * Space used, per file system, under its shortest mount point; what is allocated is the disk's affair, so the two never
 * mix. One that does not answer, or is not the one mounted there (a tree without its submounts), is absent.
 */
export async function fileSystems(files: HostFiles, host: string, selection: Selection): Promise<Part> {
  const samples: Sample[] = []
  const missing: Unavailable[] = []
  const { include } = selection
  const only =
    include === undefined ? undefined : (mountPoint: string): boolean => isIncluded(mountPoint, include)
  for (const mount of parseMounts(await files.textOr(`proc/${files.process}/mountinfo`, ''), only)) {
    const { mountPoint } = mount
    if (!isSelected(mountPoint, selection, true)) continue
    const value = await files.usedOctets(mount)
    if (value === undefined) {
      missing.push({ meter: 'host.disk.used', reason: `${mountPoint} cannot be seen from here` })
      continue
    }
    const resource = `${host}/filesystem:${escapeSegment(mountPoint)}`
    const attributes = { source: mount.source, type: mount.type }
    samples.push({ resource, meter: 'host.disk.used', value, attributes })
  }
  if (samples.length > 0 || missing.length > 0) return part(samples, missing)
  const isRuled = include !== undefined || selection.exclude.length > 0
  const why = isRuled ? 'the rules leave no file system' : 'no file system on a disk of its own'
  return absent(why, 'host.disk.used')
}
