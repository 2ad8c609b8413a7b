import { readFile } from 'node:fs/promises'
import { throwFault } from '@vouch/proto/kernel/fault.ts'

/** What a process used while something ran. */
export interface Cost {
  readonly wallMs: number
  /** User and system time of all threads. */
  readonly cpuMs: number
  /** Largest resident size since the process began, bytes. */
  readonly peakBytes: number
}

/** Linux shows processor time in hundredths of a second. Source: proc_pid_stat(5), USER_HZ. */
const TICK_MS = 10

/** Measures what a process uses while `work` runs. Linux only. */
export async function measure(pid: number, work: () => Promise<void>): Promise<Cost> {
  const cpuBeforeMs = cpuMsOf(await readFile(`/proc/${pid}/stat`, 'utf8'))
  const startedMs = performance.now()
  await work()
  const wallMs = performance.now() - startedMs
  const cpuMs = cpuMsOf(await readFile(`/proc/${pid}/stat`, 'utf8')) - cpuBeforeMs
  return { wallMs, cpuMs, peakBytes: peakBytesOf(await readFile(`/proc/${pid}/status`, 'utf8')) }
}

/** Processor time in a text of /proc/PID/stat: fields 14 and 15, counted after the name, which may hold anything. */
export function cpuMsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Largest resident size in a text of /proc/PID/status. */
export function peakBytesOf(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}

/** Throws UNSUPPORTED where /proc does not show other processes' cost. */
export function needLinux(): void {
  if (process.platform === 'linux') return
  throwFault('UNSUPPORTED', 'processor time of other processes is read from /proc: run it on Linux')
}

const SAMPLE_MS = 500
/** A day of samples; the oldest make room. */
const SAMPLES_MAX = 172_800

/** Watches the resident size of a process. Linux only. */
export class MemoryWatch {
  readonly #pid: number
  readonly #samples: number[] = []
  #startBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Reads the size once, as the one before any load. */
  async sample(): Promise<void> {
    this.#startBytes = residentBytesOf(await this.#status())
  }

  /** Reads it twice a second from now on. */
  start(): void {
    this.#timer = setInterval(() => void this.#read(), SAMPLE_MS)
  }

  /** Before any load, the median since `start`, and the largest ever, bytes. */
  async stop(): Promise<{
    collectorStartBytes: number
    collectorSteadyBytes: number
    collectorPeakBytes: number
  }> {
    clearInterval(this.#timer)
    const status = await this.#status()
    const sorted = [...this.#samples, residentBytesOf(status)].toSorted((a, b) => a - b)
    return {
      collectorStartBytes: this.#startBytes,
      collectorSteadyBytes: sorted[Math.floor(sorted.length / 2)] ?? 0,
      collectorPeakBytes: peakBytesOf(status),
    }
  }

  async #read(): Promise<void> {
    // It may have ended meanwhile, which shows elsewhere.
    const status = await this.#status().catch(() => '')
    if (status !== '' && this.#samples.push(residentBytesOf(status)) > SAMPLES_MAX) this.#samples.shift()
  }

  async #status(): Promise<string> {
    return readFile(`/proc/${this.#pid}/status`, 'utf8')
  }
}

/** Resident size in a text of /proc/PID/status. */
export function residentBytesOf(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
}
