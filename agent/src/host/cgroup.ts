import type { HostFiles } from './host-files.ts'

/**
 * What a control group grants and has used. A process in a container sees its own group as the root
 * of /sys/fs/cgroup; where that group has a limit, the host that this agent meters is the container.
 * v2 counts microseconds, v1 nanoseconds.
 */
export interface ControlGroup {
  readonly version: 1 | 2
  /** Processor milliseconds used by the group and all below it. */
  readonly cpuUsedMs: bigint
  /** Processors granted, in thousandths; undefined = no limit. */
  readonly cpuThousandths: bigint | undefined
  /** Octets held: usage less the page cache that can go at once. */
  readonly memoryHeld: bigint
  /** Octets granted; undefined = no limit. */
  readonly memoryLimit: bigint | undefined
}

/** v1 writes "no limit" as the largest page-aligned number: anything from 2^62 on means none. */
const V1_NO_LIMIT = 2n ** 62n

/** The limited group at the root of /sys/fs/cgroup; undefined where there is none or it has no limit. */
export async function readControlGroup(files: HostFiles): Promise<ControlGroup | undefined> {
  const v2 = (await files.text('sys/fs/cgroup/cgroup.controllers')) !== undefined
  const group = v2 ? await readV2(files) : await readV1(files)
  if (group === undefined) return undefined
  return group.cpuThousandths === undefined && group.memoryLimit === undefined ? undefined : group
}

async function readV2(files: HostFiles): Promise<ControlGroup | undefined> {
  const read = (name: string): Promise<string> => files.textOr(`sys/fs/cgroup/${name}`, '')
  const usage = keyed(await read('cpu.stat'), 'usage_usec')
  const current = whole(await read('memory.current'))
  if (usage === undefined || current === undefined) return undefined
  const inactive = keyed(await read('memory.stat'), 'inactive_file') ?? 0n
  const [quota, period] = (await read('cpu.max')).trim().split(' ')
  return {
    version: 2,
    cpuUsedMs: usage / 1000n,
    cpuThousandths: share(whole(quota), whole(period)),
    memoryHeld: less(current, inactive),
    memoryLimit: whole(await read('memory.max')),
  }
}

async function readV1(files: HostFiles): Promise<ControlGroup | undefined> {
  const read = (name: string): Promise<string> => files.textOr(`sys/fs/cgroup/${name}`, '')
  const usage = whole(await read('cpuacct/cpuacct.usage'))
  const current = whole(await read('memory/memory.usage_in_bytes'))
  if (usage === undefined || current === undefined) return undefined
  const inactive = keyed(await read('memory/memory.stat'), 'total_inactive_file') ?? 0n
  const limit = whole(await read('memory/memory.limit_in_bytes'))
  const quota = whole(await read('cpu/cpu.cfs_quota_us'))
  return {
    version: 1,
    cpuUsedMs: usage / 1_000_000n,
    cpuThousandths: share(quota, whole(await read('cpu/cpu.cfs_period_us'))),
    memoryHeld: less(current, inactive),
    memoryLimit: limit === undefined || limit >= V1_NO_LIMIT ? undefined : limit,
  }
}

/** The whole number after a key, one pair a line. */
export function keyed(text: string, key: string): bigint | undefined {
  return whole(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1])
}

/** A whole number, or undefined for `max`, −1 and anything else. */
export function whole(text: string | undefined): bigint | undefined {
  const trimmed = text?.trim() ?? ''
  return /^\d+$/.test(trimmed) ? BigInt(trimmed) : undefined
}

function share(quota: bigint | undefined, period: bigint | undefined): bigint | undefined {
  return quota === undefined || period === undefined || period === 0n ? undefined : (quota * 1000n) / period
}

/** a − b, and 0 where b is larger. */
export function less(a: bigint, b: bigint): bigint {
  return a > b ? a - b : 0n
}
