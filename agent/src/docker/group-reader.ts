import { keyed, less, whole } from '../host/cgroup.ts'
import type { HeldFile, HostFiles } from '../host/host-files.ts'
import { parseInterfaces } from '../host/parse-proc.ts'
import type { Clock } from '../ports.ts'
import { isEmptied, parseBlkio, parseGroupPaths, parseIoStat } from './parse-groups.ts'

/** The counters of a container as last read; what was never read is undefined. */
export interface Counters {
  cpuNs?: bigint
  read?: bigint
  written?: bigint
  received?: bigint
  transmitted?: bigint
}

const ROOT = 'sys/fs/cgroup'

/** Which hierarchy the host has. v2 is known by its list of controllers. */
export async function groupVersion(files: HostFiles): Promise<1 | 2> {
  return (await files.exists(`${ROOT}/cgroup.controllers`)) ? 2 : 1
}

/** Nanoseconds of processor time of a group; undefined where it is absent. v2 counts microseconds, v1 nanoseconds. */
export async function groupCpuNs(
  files: HostFiles,
  version: 1 | 2,
  path: string,
): Promise<bigint | undefined> {
  return cpuNsOf(version, await files.text(cpuFile(version, path)))
}

/** The control groups of a host, and the clock that is read with them. */
export interface Hierarchy {
  readonly files: HostFiles
  readonly version: 1 | 2
  readonly clock: Pick<Clock, 'wallMs'>
}

/** Reads what one life of a container has used, by files kept open as long as it lives. */
export class GroupReader {
  /** Path of the group below the hierarchy's root. */
  readonly path: string
  readonly counters: Counters = {}
  /** When it was seen without a process, wall milliseconds; undefined = never. */
  emptiedMs: number | undefined
  readonly #files: HostFiles
  readonly #version: 1 | 2
  readonly #cpu: HeldFile
  readonly #io: HeldFile | undefined
  readonly #unwatch: (() => void) | undefined
  #net: HeldFile | undefined
  #usage: HeldFile | undefined
  #stat: HeldFile | undefined

  private constructor({ files, version, clock }: Hierarchy, path: string, cpu: HeldFile) {
    this.path = path
    this.#files = files
    this.#version = version
    this.#cpu = cpu
    const blkio = `${ROOT}/blkio${path}/blkio.throttle.io_service_bytes_recursive`
    this.#io = files.hold(version === 2 ? `${ROOT}${path}/io.stat` : blkio)
    // Hosts with v1 may have a v2 hierarchy beside it, which tells of the end too.
    const events = `${ROOT}${version === 2 ? '' : '/unified'}${path}/cgroup.events`
    this.#unwatch = files.watch(events, () => {
      const nowMs = clock.wallMs()
      void files.text(events).then((text) => {
        if (text !== undefined && !isEmptied(text)) return
        this.emptiedMs ??= nowMs
        this.readAll()
      })
      this.readAll()
    })
    this.readAll()
  }

  /** Opens the first of the groups that is there. */
  static open(hierarchy: Hierarchy, paths: readonly string[]): GroupReader | undefined {
    for (const path of paths) {
      const cpu = hierarchy.files.hold(cpuFile(hierarchy.version, path))
      if (cpu !== undefined) return new GroupReader(hierarchy, path, cpu)
    }
    return undefined
  }

  /** Counts the traffic of this process's interfaces; the file stays that process's when its number is reused. */
  useNetworkOf(pid: number): void {
    this.#net ??= this.#files.hold(`proc/${pid}/net/dev`)
    this.#readNetwork()
  }

  /** Whether the group is still there. */
  readCpu(): boolean {
    const cpuNs = cpuNsOf(this.#version, this.#cpu.text())
    if (cpuNs === undefined) return false
    if (cpuNs >= (this.counters.cpuNs ?? 0n)) this.counters.cpuNs = cpuNs
    return true
  }

  /** Whether the group is still there. */
  readAll(): boolean {
    const there = this.readCpu()
    const io = this.#io?.text()
    if (io !== undefined) {
      const { read, written } = this.#version === 2 ? parseIoStat(io) : parseBlkio(io)
      this.counters.read = read
      this.counters.written = written
    }
    this.#readNetwork()
    return there
  }

  /** Octets held: usage less the page cache that can go at once. */
  memoryHeld(): bigint | undefined {
    const v2 = this.#version === 2
    const folder = v2 ? `${ROOT}${this.path}` : `${ROOT}/memory${this.path}`
    this.#usage ??= this.#files.hold(`${folder}/${v2 ? 'memory.current' : 'memory.usage_in_bytes'}`)
    this.#stat ??= this.#files.hold(`${folder}/memory.stat`)
    const held = whole(this.#usage?.text())
    const inactive = keyed(this.#stat?.text() ?? '', v2 ? 'inactive_file' : 'total_inactive_file') ?? 0n
    return held === undefined ? undefined : less(held, inactive)
  }

  close(): void {
    this.#unwatch?.()
    for (const file of [this.#cpu, this.#io, this.#net, this.#usage, this.#stat]) file?.close()
  }

  #readNetwork(): void {
    const own = parseInterfaces(this.#net?.text() ?? '').filter(({ name }) => name !== 'lo')
    // Interfaces that are taken away at the end take their counters with them: what was read stays.
    if (own.length === 0) return
    const received = own.reduce((sum, each) => sum + each.received, 0n)
    const transmitted = own.reduce((sum, each) => sum + each.transmitted, 0n)
    if (received < (this.counters.received ?? 0n) || transmitted < (this.counters.transmitted ?? 0n)) return
    this.counters.received = received
    this.counters.transmitted = transmitted
  }
}

/** Where the group of a container may be: where its process says, then where engines put it. */
export async function groupPaths(
  files: HostFiles,
  version: 1 | 2,
  container: { readonly id: string; readonly pid: number },
  parents: readonly string[],
): Promise<string[]> {
  const paths = parseGroupPaths(await files.textOr(`proc/${container.pid}/cgroup`, ''))
  const said = paths.get(version === 2 ? '' : 'cpuacct')
  return [
    ...(said?.includes(container.id) === true ? [said] : []),
    ...parents.flatMap((parent) => groupsBelow(parent, container.id)),
  ]
}

/** What the group of a container is called below a parent, by either driver of an engine. */
export function groupsBelow(parent: string, id: string): string[] {
  return [`${parent}/${id}`, `${parent}/docker-${id}.scope`]
}

function cpuFile(version: 1 | 2, path: string): string {
  return version === 2 ? `${ROOT}${path}/cpu.stat` : `${ROOT}/cpuacct${path}/cpuacct.usage`
}

function cpuNsOf(version: 1 | 2, text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined
  if (version === 1) return whole(text)
  const us = keyed(text, 'usage_usec')
  return us === undefined ? undefined : us * 1000n
}
