import { DOWN, REBOOT } from './story.ts'
import type { HostScript } from './virtual-host.ts'

/** Half a core and 2 GiB all the time; the agent is down on 10 March for six hours, the host reboots on 20 March. */
export const GAMMA: HostScript = {
  resource: 'host:gamma',
  milliCores: 500n,
  memoryMib: () => 2048n,
  bootedMs: (atMs) => (atMs < REBOOT.to ? Date.parse('2026-01-01T00:00:00Z') : REBOOT.from),
}

/** What was measured until then was there when March was invoiced; the rest came later. */
export const KNOWN_UNTIL_MS = Date.parse('2026-03-25T00:00:00Z')

/** When metering of host:gamma was interrupted. */
export const INTERRUPTIONS = { down: DOWN, reboot: REBOOT }

/** Three contracts in March: changed on the 11th and on the 21st, at midnight in Berlin. */
export const CHANGES = ['2026-03-10T23:00:00Z', '2026-03-20T23:00:00Z', '2026-03-31T22:00:00Z'] as const

const rounding = (price: string) => ({ model: 'per-unit', unitPrice: price })

/** Six rules: tiers, night and day, a fee, a minimum, a discount, a grant. */
export const rulesOf = (first: string, fee: string, minimum: string): object[] => [
  {
    kind: 'usage',
    id: 'cpu',
    item: 'cpu',
    price: {
      model: 'graduated',
      tiers: [{ upTo: '100', unitPrice: first }, { unitPrice: '0.0300' }],
    },
  },
  {
    kind: 'usage',
    id: 'memory',
    item: 'memory',
    price: {
      model: 'calendar',
      windows: [{ name: 'night', from: '22:00', to: '06:00' }],
      prices: { night: rounding('0.0050') },
      otherwise: rounding('0.0100'),
    },
  },
  { kind: 'fee', id: 'base', name: 'Base fee', amount: fee, proration: 'day' },
  {
    kind: 'minimum',
    id: 'least',
    name: 'Minimum of usage',
    amount: minimum,
    proration: 'day',
    of: ['cpu', 'memory'],
  },
  {
    kind: 'discount',
    id: 'partner',
    name: 'Partner discount',
    percent: '10',
    of: ['cpu', 'memory', 'least'],
  },
  {
    kind: 'credit',
    id: 'welcome',
    name: 'Welcome credit',
    grants: [{ id: 'welcome-2026', amount: '25.00' }],
  },
]

/** The tariff of each contract. */
export const TARIFFS = [
  rulesOf('0.0400', '31.00', '31.00'),
  rulesOf('0.0500', '31.00', '31.00'),
  rulesOf('0.0500', '62.00', '15.50'),
]

/**
 * March of host:gamma in Berlin, worked by hand. Half a core; 2 GiB; nights are 22 to 6.
 *
 * 1 to 10 March, 240 hours. CPU runs on while the agent is down: 120 core-hours = 100 × 0.04 + 20 × 0.03 = 4.60.
 * Memory was not seen for six hours, five of them night: (80 − 5) × 2 = 150 GiB-hours × 0.005 = 0.75 by night,
 * (160 − 1) × 2 = 318 × 0.01 = 3.18 by day. Fee 31 × 10/31 = 10.00. Usage comes to 8.53, the minimum is
 * 31 × 10/31 = 10.00: 1.47 more. Discount 10 % of 10.00. Due 19.00, and the grant pays all of it: 6.00 are left.
 *
 * 11 to 20 March, 240 hours, one of them lost in the reboot, by night: CPU 119.5 = 100 × 0.05 + 19.5 × 0.03 = 5.585 → 5.59;
 * memory 79 × 2 = 158 × 0.005 = 0.79 and 160 × 2 = 320 × 0.01 = 3.20; together 9.58, so 0.42 to the minimum;
 * fee 10.00, discount 1.00; due 19.00, of which the grant pays the 6.00 that are left.
 *
 * 21 to 31 March has 263 hours; known when invoiced were 97, until 1 o'clock on the 25th: CPU 48.5 × 0.05 = 2.425 → 2.43;
 * memory 33 × 2 = 66 × 0.005 = 0.33 and 64 × 2 = 128 × 0.01 = 1.28; together 4.04. Fee 62 × 11/31 = 22.00;
 * the minimum is 15.50 × 11/31 = 5.50: 1.46 more; discount 0.55. Nothing is left of the grant.
 *
 * All 263 hours, of which 87 are night (clocks skip one): CPU 131.5 = 5 + 31.5 × 0.03 = 5.945 → 5.95, 3.52 more than billed;
 * memory 174 × 0.005 = 0.87 and 352 × 0.01 = 3.52, 0.54 and 2.24 more; together 10.34, so the 1.46 of the
 * minimum are not due any more; discount 1.034 → 1.03, 0.48 more than billed.
 */
export const MARCH = {
  total: '39.95',
  lines: [
    ['cpu', 'usage', '120', '4.60'],
    ['memory night', 'usage', '150', '0.75'],
    ['memory otherwise', 'usage', '318', '3.18'],
    ['base', 'fee', '1', '10.00'],
    ['least', 'minimum', undefined, '1.47'],
    ['partner', 'discount', undefined, '-1.00'],
    ['welcome welcome-2026', 'credit', undefined, '-19.00'],
    ['cpu', 'usage', '119.5', '5.59'],
    ['memory night', 'usage', '158', '0.79'],
    ['memory otherwise', 'usage', '320', '3.20'],
    ['base', 'fee', '1', '10.00'],
    ['least', 'minimum', undefined, '0.42'],
    ['partner', 'discount', undefined, '-1.00'],
    ['welcome welcome-2026', 'credit', undefined, '-6.00'],
    ['cpu', 'usage', '48.5', '2.43'],
    ['memory night', 'usage', '66', '0.33'],
    ['memory otherwise', 'usage', '128', '1.28'],
    ['base', 'fee', '1', '22.00'],
    ['least', 'minimum', undefined, '1.46'],
    ['partner', 'discount', undefined, '-0.55'],
  ],
}

/** What became known later, on the next invoice. */
export const CORRECTION = {
  total: '4.36',
  lines: [
    ['cpu', 'late-usage', '83', '3.52'],
    ['memory night', 'late-usage', '108', '0.54'],
    ['memory otherwise', 'late-usage', '224', '2.24'],
    ['partner', 'discount', undefined, '-0.48'],
    ['least', 'minimum', undefined, '-1.46'],
  ],
}

/** How the amounts of lines came about, step by step; the number counts the lines of a rule. */
export const TRACES: Readonly<Record<string, readonly string[]>> = {
  'cpu 0': [
    'ms to core-hour: each entry = × 1/3600000',
    'sum: 1 entries of 1 resources = 120',
    'quantity half-up 6: 120 = 120',
    'graduated tier 0 to 100 inclusive: 100 × 0.04 + 0 = 4',
    'graduated tier above 100 inclusive: 20 × 0.03 + 0 = 0.6',
    'amount half-up EUR: 4.6 = 4.60',
  ],
  // The third of a rule is that of 11 of 31 days.
  'base 2': [
    'fee: 1 × 62 = 62',
    'proration day Europe/Berlin: 11 of 31 day: 2026-03-20T23:00:00Z/2026-03-31T22:00:00Z of 2026-02-28T23:00:00Z/2026-03-31T22:00:00Z = 11/31',
    'prorated: 62 × 11/31 = 22',
    'amount half-up EUR: 22 = 22.00',
  ],
  'least 2': [
    'proration day Europe/Berlin: 11 of 31 day: 2026-03-20T23:00:00Z/2026-03-31T22:00:00Z of 2026-02-28T23:00:00Z/2026-03-31T22:00:00Z = 11/31',
    'minimum: 15.5 × 11/31 = 5.5',
    'lines, and billed before: 4.04 + 0 = 4.04',
    'difference: minimum = 1.46',
    'amount half-up EUR: 1.46 = 1.46',
  ],
  'partner 0': [
    'base remaining: 10 less 0 = 10',
    'discount 10 per cent of remaining: 10 = -1',
    'amount half-up EUR: -1 = -1.00',
  ],
  'welcome 1': [
    'grant welcome-2026, priority 0, without expiry: 19.00 due, 6.00 left = 6.00',
    'amount half-up EUR: -6 = -6.00',
  ],
  'memory 2': [
    'MiB-second to GiB-hour: each entry = × 1/3686400',
    // Eleven nights touch the stretch, the first and the last with a part.
    'calendar window night, Europe/Berlin: 11 parts of 11 entries = 158',
    'sum: 11 entries of 1 resources = 158',
    'quantity half-up 6: 158 = 158',
    'per unit: 158 × 0.005 = 0.79',
    'amount half-up EUR: 0.79 = 0.79',
  ],
}
