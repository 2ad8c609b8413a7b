import { expect, test } from 'vitest'
import { ask, per, period, units, use } from '../testing/quotes.ts'

const HALF = { effective: period('2026-03-01', '2026-03-16') }
const FEBRUARY = period('2026-02-01', '2026-03-01')

test.each<[string, object, (string | undefined)[]]>([
  [
    'a level, with the basis of its average',
    {
      rules: [use(per('31'), { level: 'fixed-30' })],
      changes: [{ meter: 'app.units', resource: 'a', at: '2026-03-16T00:00:00Z', change: '2' }],
    },
    ['level averaged by fixed-30', '1 levels', '1'],
  ],
  [
    'late usage that is billed as if it were of the period',
    { rules: [use(per('1'), { late: 'this-period' })], usage: [units('7', { period: FEBRUARY })] },
    ['late usage this-period', '1 entries from 2026-02-01T00:00:00Z on', '7'],
  ],
  [
    'usage of which a part lies in the time of the rule',
    { rules: [use(per('1'), HALF)], usage: [units('31')] },
    ['split by time', '1 entries, of which a part is billed here', '15'],
  ],
  [
    'entries cut by the day',
    { rules: [use(per('1'), { grain: 'day' })], usage: [units('31')] },
    ['cut by day', '31 parts of 1 entries', '31'],
  ],
])('the trace names %s', (_, document, [rule, input, output]) => {
  expect(ask(document).lines[0]?.trace).toContainEqual({ rule, input, output })
})

test('it names no policy that changed nothing', () => {
  const { lines } = ask({ rules: [use(per('1'))], usage: [units('31')] })
  expect(lines[0]?.trace.map(({ rule }) => rule)).toEqual(['sum', 'per unit', 'amount half-up EUR'])
})
