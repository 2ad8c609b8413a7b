import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from '../ports.ts'
import { parseUptimeMs } from './parse-proc.ts'

/**
 * The clocks of this machine. Elsewhere than on Linux there is no boot-time clock and no boot id:
 * the monotonic clock stands in, and the boot id is this process's own, so its counters never
 * outlive it.
 */
export function createSystemClock(): Clock {
  const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)
  return {
    wallMs: () => Date.now(),
    monotonicMs,
    boottimeMs: boottimeOf({ monotonicMs, wallMs: () => Date.now(), readMs: uptimeMs }),
    bootId: readBootId() ?? randomBytes(16),
  }
}

/** For so long the boot-time clock is the monotonic one plus what was read, unless the wall clock tells of a suspend. */
const FRESH_MS = 1000
const SUSPEND_MIN_MS = 20

/**
 * Reading the boot-time clock takes a file; whoever asks often gets it from the monotonic clock, which only a suspend
 * stops. It never goes back, though the file is of hundredths of a second only.
 */
export function boottimeOf({ monotonicMs, wallMs, readMs }: BoottimeParts): () => number {
  let read = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: 0, boottimeMs: 0 }
  let lastMs = 0
  return () => {
    const [now, wall] = [monotonicMs(), wallMs()]
    const passedMs = now - read.monotonicMs
    const strayedMs = Math.abs(wall - read.wallMs - passedMs)
    if (passedMs > FRESH_MS || strayedMs > SUSPEND_MIN_MS)
      read = { monotonicMs: now, wallMs: wall, boottimeMs: readMs() ?? now }
    lastMs = Math.max(lastMs, read.boottimeMs + now - read.monotonicMs)
    return lastMs
  }
}

/** The clocks from which the boot-time clock is told. */
export interface BoottimeParts extends Pick<Clock, 'monotonicMs' | 'wallMs'> {
  /** What the system says; undefined where it has none. */
  readonly readMs: () => number | undefined
}

function uptimeMs(): number | undefined {
  const text = readText('/proc/uptime')
  const ms = text === undefined ? undefined : parseUptimeMs(text)
  return ms === undefined ? undefined : Number(ms)
}

function readBootId(): Uint8Array | undefined {
  const hex = readText('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '')
  return hex !== undefined && /^[0-9a-f]{32}$/.test(hex) ? Uint8Array.fromHex(hex) : undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
