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
    boottimeMs: () => uptimeMs() ?? monotonicMs(),
    bootId: readBootId() ?? randomBytes(16),
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
