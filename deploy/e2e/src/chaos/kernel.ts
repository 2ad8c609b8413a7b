import { readFileSync, readdirSync } from 'node:fs'

/**
 * The kernel's own counters, read without any of the agent's code, and between two instants.
 * Source: proc_stat(5), proc_diskstats(5), proc_net_dev(5), proc_uptime(5).
 */
export interface KernelLook {
  /** Epoch milliseconds before and after reading. */
  readonly beforeMs: number
  readonly afterMs: number
  /** By `meter resource-below-the-host`, in the meter's unit. */
  readonly counters: ReadonlyMap<string, bigint>
}

/** Constant levels of this machine, in thousandths of a core and octets: what allocations must integrate. */
export interface KernelLevels {
  readonly cores: bigint
  readonly memoryOctets: bigint
}

/** One tick of /proc/stat is 10 ms wherever Linux runs Node. */
const TICK_MS = 10n
const SECTOR_OCTETS = 512n

/** Looks once. */
export function lookAtKernel(): KernelLook {
  const beforeMs = Date.now()
  const counters = new Map<string, bigint>()
  const [, user = '0', nice = '0', system = '0', , , irq = '0', softirq = '0', steal = '0'] =
    words('/proc/stat')[0] ?? []
  const used = [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + BigInt(ticks), 0n)
  counters.set('host.cpu.used ', used * TICK_MS)
  counters.set('host.cpu.steal ', BigInt(steal) * TICK_MS)
  for (const [, , name = '', , , read = '0', , , , written = '0'] of words('/proc/diskstats')) {
    counters.set(`host.disk.read disk:${name}`, BigInt(read) * SECTOR_OCTETS)
    counters.set(`host.disk.written disk:${name}`, BigInt(written) * SECTOR_OCTETS)
  }
  for (const [name = '', received = '0', , , , , , , , transmitted = '0'] of words('/proc/net/dev').slice(
    2,
  )) {
    const place = `interface:${name.replace(/:$/, '')}`
    counters.set(`host.network.received ${place}`, BigInt(received))
    counters.set(`host.network.transmitted ${place}`, BigInt(transmitted))
  }
  counters.set('host.uptime ', BigInt(words('/proc/uptime')[0]?.[0]?.split('.')[0] ?? '0'))
  return { beforeMs, afterMs: Date.now(), counters }
}

/** Levels that do not change while the machine runs. */
export function kernelLevels(): KernelLevels {
  const [, kibibytes = '0'] = words('/proc/meminfo').find(([name]) => name === 'MemTotal:') ?? []
  const online = readdirSync('/sys/devices/system/cpu').filter(
    (name) => /^cpu\d+$/.test(name) && isOnline(name),
  )
  return { cores: BigInt(online.length), memoryOctets: BigInt(kibibytes) * 1024n }
}

/** Looks again and again until it is told to stop; the last look is the moment of the call. */
export function watchKernel(intervalMs: number): () => readonly KernelLook[] {
  const looks = [lookAtKernel()]
  const timer = setInterval(() => looks.push(lookAtKernel()), intervalMs)
  return () => {
    clearInterval(timer)
    looks.push(lookAtKernel())
    return looks
  }
}

function isOnline(cpu: string): boolean {
  try {
    return readFileSync(`/sys/devices/system/cpu/${cpu}/online`, 'utf8').trim() === '1'
  } catch {
    // The first processor of most machines cannot be taken offline and has no such file.
    return true
  }
}

function words(path: string): string[][] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return lines.map((line) =>
    line
      .replace(/:(?=\d)/, ': ')
      .trim()
      .split(/\s+/),
  )
}
