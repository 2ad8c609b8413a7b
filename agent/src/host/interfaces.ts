import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Sample } from '../ports.ts'
import type { HostFiles } from './host-files.ts'
import { parseInterfaces } from './parse-proc.ts'
import { absent, part } from './part.ts'
import type { Part } from './part.ts'
import { isSelected } from './selection.ts'
import type { Selection } from './selection.ts'

/** Names that stand for traffic which another interface carries already. */
const STACKED =
  /^(?:lo|veth.*|docker.*|br-.*|virbr.*|ifb.*|dummy.*|tun.*|tap.*|wg.*|bond.*|team.*|vlan.*|.*\..*|.*@.*)$/

/**
 * Interfaces that the selection names; by the built-in rule those with a device behind them, or where none has one (a
 * container), all that are not known to be stacked.
 */
export async function interfaces(files: HostFiles, host: string, selection: Selection): Promise<Part> {
  const all = parseInterfaces(await files.textOr(`proc/${files.process}/net/dev`, ''))
  const physical = new Set<string>()
  for (const { name } of all) {
    if (await files.exists(`sys/class/net/${name}/device`)) physical.add(name)
  }
  const usually = (name: string): boolean => (physical.size > 0 ? physical.has(name) : !STACKED.test(name))
  const samples: Sample[] = []
  for (const { name, received, transmitted } of all) {
    if (!isSelected(name, selection, usually(name))) continue
    const resource = `${host}/interface:${escapeSegment(name)}`
    const life = (await files.textOr(`sys/class/net/${name}/ifindex`, '')).trim()
    samples.push({ resource, meter: 'host.network.received', value: received, life })
    samples.push({ resource, meter: 'host.network.transmitted', value: transmitted, life })
  }
  const meters = ['host.network.received', 'host.network.transmitted'] as const
  if (samples.length > 0) return part(samples)
  const isRuled = selection.include !== undefined || selection.exclude.length > 0
  const why = isRuled ? 'the rules leave no interface' : 'no interface that carries traffic of its own'
  return absent(why, ...meters)
}
