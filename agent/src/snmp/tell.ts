import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, FaultCode } from '@vouch/proto/kernel/fault.ts'
import type { Flag } from './interface-account.ts'

const FLAGS: Readonly<Partial<Record<Flag, readonly [FaultCode, string]>>> = {
  discontinuity: ['COUNTER_DISCONTINUOUS', 'the device reports a discontinuity of the counters of'],
  reset: ['COUNTER_DISCONTINUOUS', 'a counter fell without a restart, a new life begins for'],
  restart: ['COUNTER_DISCONTINUOUS', 'the device restarted, a new life begins for'],
  'restart-continued': ['COUNTER_DISCONTINUOUS', 'its SNMP agent restarted, and the counters went on of'],
  replaced: ['COUNTER_DISCONTINUOUS', 'another engine answers, a new life begins for'],
  exchanged: ['COUNTER_DISCONTINUOUS', 'another hardware address has the name, a new life begins for'],
  changed: ['COUNTER_DISCONTINUOUS', 'the kinds of counters changed, a new life begins for'],
  unmeasurable: [
    'COUNTER_UNMEASURABLE',
    'within a cadence, or without a known speed, 32 bits may wrap twice for',
  ],
  implausible: ['COUNTER_IMPLAUSIBLE', 'more than its speed allows was counted, a new life begins for'],
}

/** Interfaces named in one message. */
const NAMED_MAX = 5

/** One fault for each flag, in words that stay the same while the same interfaces have it. */
export function tellFlags(
  device: string,
  noted: readonly { readonly port: string; readonly flags: readonly Flag[] }[],
): Fault[] {
  const ports = new Map<Flag, string[]>()
  for (const { port, flags } of noted)
    for (const flag of flags) ports.set(flag, [...(ports.get(flag) ?? []), port])
  return [...ports].flatMap(([flag, names]) => {
    const told = FLAGS[flag]
    if (told === undefined) return []
    const [code, message] = told
    const others = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} others` : ''
    return [fail(code, `${device}: ${message} ${names.slice(0, NAMED_MAX).join(', ')}${others}`).fault]
  })
}
