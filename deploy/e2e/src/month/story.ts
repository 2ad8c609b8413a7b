import type { HostScript } from './virtual-host.ts'

const utc = (text: string): number => Date.parse(text)

/** Metering starts before any account's month, and ends after it. */
export const START_MS = utc('2026-02-28T18:00:00Z')
/** End of metering. */
export const END_MS = utc('2026-04-01T00:00:00Z')
/** Time between looks. */
export const CADENCE_MS = 900_000
/** Looks in a batch: a day. */
export const LOOKS_PER_BATCH = 96

/** When host:alpha moves from one customer to the other: between two looks. */
export const MOVED_MS = utc('2026-03-16T10:07:30Z')
/** When the agent on host:beta is stopped, and started again; the host runs on. */
export const DOWN = { from: utc('2026-03-10T00:00:00Z'), to: utc('2026-03-10T06:00:00Z') }
/** When host:beta goes down, and has booted again. */
export const REBOOT = { from: utc('2026-03-20T00:00:00Z'), to: utc('2026-03-20T01:00:00Z') }

const LONG_AGO_MS = utc('2026-01-01T00:00:00Z')
const MEMORY_DOUBLED_MS = utc('2026-03-20T00:00:00Z')

/** A quarter of a core; 2 GiB, from 20 March 4 GiB. */
export const ALPHA: HostScript = {
  resource: 'host:alpha',
  milliCores: 250n,
  memoryMib: (atMs) => (atMs < MEMORY_DOUBLED_MS ? 2048n : 4096n),
  bootedMs: () => LONG_AGO_MS,
}

/** Half a core; 1 GiB; reboots once. */
export const BETA: HostScript = {
  resource: 'host:beta',
  milliCores: 500n,
  memoryMib: () => 1024n,
  bootedMs: (atMs) => (atMs < REBOOT.to ? LONG_AGO_MS : REBOOT.from),
}

/**
 * March 2026 of both customers, worked by hand.
 *
 * Alpha, Europe/Berlin (743 hours: the clocks go forward): host:alpha for 371.125 h, until it moves.
 * - CPU 0.25 core × 371.125 h = 92.78125 core-hours × 0.0400 = 3.71125 → 3.71 EUR
 * - memory 2 GiB × 371.125 h = 742.25 GiB-hours × 0.0070 = 5.19575 → 5.20 EUR
 *
 * Beta, Asia/Kolkata (744 hours, cut at half past): host:alpha for 368.375 h, host:beta for the month.
 * - host:alpha CPU 0.25 × 368.375 = 92.09375 × 6 = 552.5625 → 553 JPY
 * - host:beta CPU 0.5 × 743 (an hour lost in the reboot; the six hours without agent are measured) = 371.5 × 6 = 2229 JPY
 * - host:alpha memory 2 × 85.875 + 4 × 282.5 = 1301.75 × 1.1 = 1431.925 → 1432 JPY
 * - host:beta memory 1 × 737 (seven hours unobserved) = 737 × 1.1 = 810.7 → 811 JPY
 */
export const EXPECTED = {
  alpha: {
    number: 'INV-000001',
    currency: 'EUR',
    total: '8.91',
    lines: [
      { item: 'cpu', resource: 'host:alpha', quantity: '92.78125', amount: '3.71' },
      { item: 'memory', resource: 'host:alpha', quantity: '742.25', amount: '5.20' },
    ],
  },
  beta: {
    number: 'INV-000002',
    currency: 'JPY',
    total: '5025',
    lines: [
      { item: 'cpu', resource: 'host:alpha', quantity: '92.09375', amount: '553' },
      { item: 'cpu', resource: 'host:beta', quantity: '371.5', amount: '2229' },
      { item: 'memory', resource: 'host:alpha', quantity: '1301.75', amount: '1432' },
      { item: 'memory', resource: 'host:beta', quantity: '737', amount: '811' },
    ],
  },
} as const

/** Uncovered time of host:beta, as its lines must list it. */
export const EXPECTED_GAPS = {
  cpu: [
    { ...DOWN, kind: 'spread' },
    { ...REBOOT, kind: 'missing' },
  ],
  memory: [
    { ...DOWN, kind: 'missing' },
    { ...REBOOT, kind: 'missing' },
  ],
} as const
