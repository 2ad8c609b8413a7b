/** Parsers of the files under /proc: text in, exact numbers out. Source: proc(5) and its parts. */

/** Processor time in ticks, from the line that sums over all processors. */
export interface CpuTicks {
  /** user + nice + system + irq + softirq. `guest` is inside user already, idle and iowait may fall. */
  readonly used: bigint
  /** Time that the hypervisor did not give; neither used nor idle. */
  readonly steal: bigint
}

/** Reads /proc/stat. */
export function parseCpu(text: string): CpuTicks | undefined {
  const fields = /^cpu +([\d ]+)$/m.exec(text)?.[1]?.trim().split(/ +/)
  if (fields === undefined || fields.length < 8) return undefined
  const [user = 0n, nice = 0n, system = 0n, , , irq = 0n, softirq = 0n, steal = 0n] = fields.map(BigInt)
  return { used: user + nice + system + irq + softirq, steal }
}

/** Number of processors in a list such as `0-3,8`. */
export function parseCpuList(text: string): bigint | undefined {
  let count = 0n
  for (const range of text.trim().split(',')) {
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    if (from === undefined) return undefined
    count += BigInt(to ?? from) - BigInt(from) + 1n
  }
  return count
}

/** Memory in octets. */
export interface Memory {
  readonly total: bigint
  /** What could be had without swapping. */
  readonly available: bigint
}

/** Reads /proc/meminfo, whose "kB" are 1024 octets. */
export function parseMemory(text: string): Memory | undefined {
  const total = kibibytes(text, 'MemTotal')
  const available = kibibytes(text, 'MemAvailable')
  return total === undefined || available === undefined ? undefined : { total, available }
}

/** Milliseconds since boot, suspend included, from /proc/uptime. */
export function parseUptimeMs(text: string): bigint | undefined {
  const [, seconds, hundredths] = /^(\d+)\.(\d\d) /.exec(text) ?? []
  if (seconds === undefined || hundredths === undefined) return undefined
  return BigInt(seconds) * 1000n + BigInt(hundredths) * 10n
}

/** Octets through an interface. */
export interface InterfaceOctets {
  readonly name: string
  readonly received: bigint
  readonly transmitted: bigint
}

/** Reads /proc/net/dev. */
export function parseInterfaces(text: string): InterfaceOctets[] {
  return text.split('\n').flatMap((line) => {
    const [, name, rest] = /^ *([^\s:][^\s]*): *([\d ]+)$/.exec(line) ?? []
    const fields = rest?.trim().split(/ +/)
    const [received, transmitted] = [fields?.[0], fields?.[8]]
    if (name === undefined || received === undefined || transmitted === undefined) return []
    return [{ name, received: BigInt(received), transmitted: BigInt(transmitted) }]
  })
}

/** Octets to and from a block device. */
export interface DiskOctets {
  readonly name: string
  readonly read: bigint
  readonly written: bigint
}

/** A sector of /proc/diskstats and /sys/block is 512 octets whatever the device's own sector. */
const SECTOR_OCTETS = 512n

/** Reads /proc/diskstats. */
export function parseDisks(text: string): DiskOctets[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/ +/)
    const [name, read, written] = [fields[2], fields[5], fields[9]]
    if (name === undefined || !isNumber(read) || !isNumber(written)) return []
    return [{ name, read: BigInt(read) * SECTOR_OCTETS, written: BigInt(written) * SECTOR_OCTETS }]
  })
}

/** Octets of a disk, from /sys/block/NAME/size. */
export function parseDiskSize(text: string): bigint | undefined {
  const sectors = text.trim()
  return isNumber(sectors) ? BigInt(sectors) * SECTOR_OCTETS : undefined
}

function kibibytes(text: string, name: string): bigint | undefined {
  const value = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1]
  return value === undefined ? undefined : BigInt(value) * 1024n
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d+$/.test(text)
}
