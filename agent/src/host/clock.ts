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
    boottimeMs: boottimeOf(monotonicMs),
    bootId: readBootId() ?? randomBytes(16),
  }
}

/** For so long the boot-time clock is the monotonic one plus what was read, unless the wall clock tells of a suspend. */
const FRESH_MS = 1000
const SUSPEND_MIN_MS = 20

/** Reading the boot-time clock takes a file; whoever asks often gets it from the monotonic clock, which only a suspend stops. */
function boottimeOf(monotonicMs: () => number): () => number {
  let read = { monotonicMs: Number.NEGATIVE_INFINITY, wallMs: 0, boottimeMs: 0 }
  return () => {
    const [now, wallMs] = [monotonicMs(), Date.now()]
    const passedMs = now - read.monotonicMs
    const strayedMs = Math.abs(wallMs - read.wallMs - passedMs)
    if (passedMs > FRESH_MS || strayedMs > SUSPEND_MIN_MS)
      read = { monotonicMs: now, wallMs, boottimeMs: uptimeMs() ?? now }
    return read.boottimeMs + now - read.monotonicMs
  }
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
