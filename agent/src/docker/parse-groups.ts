import { whole } from '../host/cgroup.ts'

/** Octets that a control group moved from and to block devices. */
export interface GroupOctets {
  readonly read: bigint
  readonly written: bigint
}

/** Reads /proc/PID/cgroup: the group's path under each controller, that of v2 under ''. */
export function parseGroupPaths(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    // Outside of the reader's own namespace a path climbs: `/../../docker/ab`.
    const plain = path.replace(/^(?:\/\.\.)+/, '')
    for (const controller of controllers.split(',')) paths.set(controller, plain)
  }
  return paths
}

/** Reads io.stat of v2: a line a device, none = nothing moved. */
export function parseIoStat(text: string): GroupOctets {
  return {
    read: sum(text, /\brbytes=(\d+)/g),
    written: sum(text, /\bwbytes=(\d+)/g),
  }
}

/** Reads blkio.throttle.io_service_bytes_recursive of v1; engines write `Read` and `read`, and leave values out. */
export function parseBlkio(text: string): GroupOctets {
  return {
    read: sum(text, /^\d+:\d+ read(?: +(\d+))?$/gim),
    written: sum(text, /^\d+:\d+ write(?: +(\d+))?$/gim),
  }
}

/** Whether a group above containers has nothing but containers in it: the slices of the system hold services too. */
export function isOwnParent(path: string): boolean {
  const name = path.split('/').at(-1) ?? ''
  return name !== '' && !['system.slice', 'user.slice', 'machine.slice', 'init.scope'].includes(name)
}

/** Whether cgroup.events says that no process is left. */
export function isEmptied(events: string): boolean {
  return /^populated 0$/m.test(events)
}

function sum(text: string, pattern: RegExp): bigint {
  return [...text.matchAll(pattern)].reduce((total, [, value]) => total + (whole(value) ?? 0n), 0n)
}
