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

const MONTH = '2026-02-28T23:00:00Z/2026-03-31T22:00:00Z'
const PARTS = [
  ['2026-02-28T23:00:00Z/2026-03-10T23:00:00Z', '10'],
  ['2026-03-10T23:00:00Z/2026-03-20T23:00:00Z', '10'],
  ['2026-03-20T23:00:00Z/2026-03-31T22:00:00Z', '11'],
] as const

const rounded = (exact: string, amount: string): string => `amount half-up EUR: ${exact} = ${amount}`
const prorated = (part: 0 | 1 | 2): string => {
  const [span, days] = PARTS[part]
  return `proration day Europe/Berlin: ${days} of 31 day: ${span} of ${MONTH} = ${days}/31`
}
/** Core-hours in tiers. */
const cpu = (hours: string, tiers: readonly string[], exact: string, amount: string): string[] => [
  'ms to core-hour: each entry = × 1/3600000',
  `sum: 1 entries of 1 resources = ${hours}`,
  `quantity half-up 6: ${hours} = ${hours}`,
  ...tiers,
  rounded(exact, amount),
]
/** GiB-hours of a window, in so many stretches. */
const memory = (
  window: string,
  stretches: number,
  hours: string,
  price: string,
  exact: string,
  amount: string,
): string[] => [
  'MiB-second to GiB-hour: each entry = × 1/3686400',
  `calendar window ${window}, Europe/Berlin: ${stretches} parts of ${stretches} entries = ${hours}`,
  `sum: ${stretches} entries of 1 resources = ${hours}`,
  `quantity half-up 6: ${hours} = ${hours}`,
  `per unit: ${hours} × ${price} = ${exact}`,
  rounded(exact, amount),
]
const fee = (part: 0 | 1 | 2, whole: string, due: string): string[] => [
  `fee: 1 × ${whole} = ${whole}`,
  prorated(part),
  `prorated: ${whole} × ${PARTS[part][1]}/31 = ${due}`,
  rounded(due, `${due}.00`),
]
const least = (part: 0 | 1 | 2, whole: string, bound: string, spent: string, missing: string): string[] => [
  prorated(part),
  `minimum: ${whole} × ${PARTS[part][1]}/31 = ${bound}`,
  `lines, and billed before: ${spent} + 0 = ${spent}`,
  `difference: minimum = ${missing}`,
  rounded(missing, missing),
]
const discount = (base: string, exact: string, amount: string): string[] => [
  `base remaining: ${base} less 0 = ${base}`,
  `discount 10 per cent of remaining: ${base} = ${exact}`,
  rounded(exact, amount),
]
const grant = (left: string, used: string, exact: string): string[] => [
  `grant welcome-2026, priority 0, without expiry: 19.00 due, ${left} = ${used}`,
  rounded(exact, `-${used}`),
]
const late = (now: string, billed: string, rest: string): string =>
  `late usage own-period, less what was billed before: ${now} - ${billed} = ${rest}`

const first = (price: string, exact: string): string =>
  `graduated tier 0 to 100 inclusive: 100 × ${price} + 0 = ${exact}`
const above = (hours: string, exact: string): string =>
  `graduated tier above 100 inclusive: ${hours} × 0.03 + 0 = ${exact}`

/**
 * How each amount came about, in the order of the lines. Ten days that begin at midnight touch eleven nights, the first and the last with a part; eleven
 * days touch twelve.
 */
export const MARCH_TRACES: readonly (readonly string[])[] = [
  cpu('120', [first('0.04', '4'), above('20', '0.6')], '4.6', '4.60'),
  memory('night', 11, '150', '0.005', '0.75', '0.75'),
  memory('otherwise', 10, '318', '0.01', '3.18', '3.18'),
  fee(0, '31', '10'),
  least(0, '31', '10', '8.53', '1.47'),
  discount('10', '-1', '-1.00'),
  grant('25.00 granted', '19.00', '-19'),
  cpu('119.5', [first('0.05', '5'), above('19.5', '0.585')], '5.585', '5.59'),
  memory('night', 11, '158', '0.005', '0.79', '0.79'),
  memory('otherwise', 10, '320', '0.01', '3.2', '3.20'),
  fee(1, '31', '10'),
  least(1, '31', '10', '9.58', '0.42'),
  discount('10', '-1', '-1.00'),
  grant('6.00 left', '6.00', '-6'),
  cpu('48.5', ['graduated tier 0 to 100 inclusive: 48.5 × 0.05 + 0 = 2.425'], '2.425', '2.43'),
  memory('night', 12, '66', '0.005', '0.33', '0.33'),
  memory('otherwise', 11, '128', '0.01', '1.28', '1.28'),
  fee(2, '62', '22'),
  least(2, '15.5', '5.5', '4.04', '1.46'),
  discount('5.5', '-0.55', '-0.55'),
]

/** The same of what became known later: the whole as it is known now, less what was billed. */
export const CORRECTION_TRACES: readonly (readonly string[])[] = [
  [
    ...cpu('131.5', [first('0.05', '5'), above('31.5', '0.945')], '5.945', '5.95'),
    late('5.95', '2.43', '3.52'),
  ],
  [...memory('night', 12, '174', '0.005', '0.87', '0.87'), late('0.87', '0.33', '0.54')],
  [...memory('otherwise', 11, '352', '0.01', '3.52', '3.52'), late('3.52', '1.28', '2.24')],
  [...discount('10.34', '-1.034', '-1.03'), 'less what was billed before: -1.03 - -0.55 = -0.48'],
  ['less what was billed before: nothing is due any more - 1.46 = -1.46'],
]
