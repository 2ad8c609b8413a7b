import { expect, test } from 'vitest'
import { ask, use } from '../testing/quotes.ts'
import { quoteAnswer } from './print.ts'

const percentage = (more: object = {}): object => ({ model: 'percentage', percent: '10', ...more })
const items = (...amounts: string[]): object => ({ meter: 'app.units', items: amounts })

test.each<[string, object, object, string]>([
  ['a correction alone gives its share back', percentage(), items('-40'), '-4.00'],
  ['a correction of more than there was', percentage(), items('100', '-140'), '-4.00'],
  ['single amounts are converted', percentage(), { ...items('1000'), unit: 'MB' }, '0.10'],
])('%s', (_, price, usage, total) => {
  const unit = 'unit' in usage ? { unit: 'GB' } : {}
  expect(ask({ rules: [use(price, unit)], usage: [usage] }).total).toBe(total)
})

const matrix = { model: 'matrix', rows: [{ when: { class: 'gold' }, price: percentage() }] }
const calendar = {
  model: 'calendar',
  windows: [{ name: 'night', from: '22:00', to: '24:00' }],
  prices: { night: percentage() },
  otherwise: percentage(),
}

test.each<[string, object, string]>([
  ['an increment', { increment: { size: '1000' } }, 'increment'],
  ['a rounding', { rounding: { mode: 'up', scale: 0 } }, 'rounding'],
  ['an aggregate', { aggregate: 'maximum' }, 'aggregate'],
  ['a window', { window: 'quarter' }, 'window'],
])('%s is refused beside per cent, wherever that stands', (_, more, member) => {
  for (const price of [percentage(), matrix, calendar]) {
    const document = {
      currency: 'EUR',
      period: { from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' },
      rules: [use(price, more)],
    }
    const { text } = quoteAnswer(JSON.stringify(document))
    expect(text, JSON.stringify(price)).toContain(`"pointer": "/rules/0/${member}"`)
  }
})
