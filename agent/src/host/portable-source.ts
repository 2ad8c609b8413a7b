import { availableParallelism } from 'node:os'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { BuiltInMeter } from '@vouch/proto/kernel/meter.ts'
import type { Sample, Source, Unavailable } from '../ports.ts'
import { isSelected } from './selection.ts'
import type { Selection } from './selection.ts'

const UNAVAILABLE: readonly (readonly [BuiltInMeter, string])[] = [
  [
    'host.cpu.used',
    'this system gives no exact counter: processor time is estimated and counts guests twice',
  ],
  ['host.cpu.steal', 'this system does not tell what the hypervisor withholds'],
  ['host.disk.allocated', 'this system lists disks only through an administration program'],
  ['host.disk.read', 'this system gives rates, not counters'],
  ['host.disk.written', 'this system gives rates, not counters'],
  ['host.network.received', 'this system gives counters that fall back to zero unseen'],
  ['host.network.transmitted', 'this system gives counters that fall back to zero unseen'],
]

/** Meters a host other than Linux, as far as `systeminformation` gives exact figures; the rest is unavailable. */
export function createPortableSource(resource: string, selection: Selection): Source {
  return {
    name: 'host',
    async look() {
      // Loaded only where it is used: it costs memory that a Linux agent need not spend.
      const { default: system } = await import('systeminformation')
      const [memory, fileSystems] = await Promise.all([system.mem(), system.fsSize()])
      const samples: Sample[] = [
        { resource, meter: 'host.cpu.allocated', value: BigInt(availableParallelism()) * 1000n },
        { resource, meter: 'host.memory.held', value: BigInt(memory.total - memory.available) },
        { resource, meter: 'host.memory.allocated', value: BigInt(memory.total) },
        { resource, meter: 'host.uptime', value: BigInt(Math.trunc(system.time().uptime)) },
      ]
      for (const { fs, mount, type, used } of fileSystems) {
        if (!isSelected(mount, selection, true)) continue
        const below = `${resource}/filesystem:${escapeSegment(mount)}`
        const attributes = { source: fs, type }
        samples.push({ resource: below, meter: 'host.disk.used', value: BigInt(used), attributes })
      }
      return [{ samples }]
    },
    unavailable: (): readonly Unavailable[] => UNAVAILABLE.map(([meter, reason]) => ({ meter, reason })),
  }
}
