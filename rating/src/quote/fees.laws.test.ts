import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { add, equals, rational } from '@vouch/proto/kernel/rational.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ask } from '../testing/quotes.ts'

const FROM = Date.UTC(2026, 2, 1)
const TO = Date.UTC(2026, 3, 1)
const decimal = (text: string) => unwrap(parseDecimal(text))

/** Consecutive parts of March, cut anywhere. */
const parts = fc
  .uniqueArray(fc.integer({ min: FROM + 1, max: TO - 1 }), { minLength: 1, maxLength: 6 })
  .map((cuts) => [FROM, ...cuts.toSorted((a, b) => a - b), TO])
  .map((ends) => ends.slice(1).map((to, index) => ({ from: ends[index]!, to })))

test('parts of a fee sum to the whole fee, to the minor unit, whatever the cuts, basis, rounding and currency', () => {
  fc.assert(
    fc.property(
      parts,
      fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
      fc.constantFrom('second', 'day', 'day-inclusive', 'fixed-30'),
      fc.constantFrom('half-even', 'half-up', 'half-down', 'floor', 'ceiling', 'down', 'up'),
      fc.constantFrom('JPY', 'EUR', 'KWD', 'CLF'),
      (pieces, hundredths, proration, mode, currency) => {
        const amount = `${hundredths / 100n}.${`${(hundredths < 0n ? -hundredths : hundredths) % 100n}`.padStart(2, '0')}`
        fc.pre(decimal(amount).n !== 0n)
        const fee = { kind: 'fee', amount, proration }
        const head = { currency, zone: 'Europe/Berlin', rounding: { mode } }
        const whole = ask({ ...head, rules: [{ ...fee, id: 'whole' }] })
        const rules = pieces.map(({ from, to }, index) => ({
          ...fee,
          id: `part-${index}`,
          effective: { from: formatInstant(from), to: formatInstant(to) },
        }))
        const { lines } = ask({ ...head, rules })
        const sum = lines.map((line) => decimal(line.amount)).reduce(add, rational(0n))
        expect(equals(sum, decimal(whole.lines[0]!.amount))).toBe(true)
      },
    ),
  )
})
