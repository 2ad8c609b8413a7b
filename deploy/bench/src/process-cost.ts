import { readFile } from 'node:fs/promises'

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
