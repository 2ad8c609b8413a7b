import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { createTestAgent } from '../testing/test-agent.ts'
import { DAY, linesOf, measured, port, steady, tariffOf, usage } from '../testing/test-day.ts'
import { snapshotOf } from '../testing/test-proof.ts'
import { rateSnapshot } from './rate.ts'

/** Prices the same meter by night and day, which cuts its measurements. */
const windowed = usage({
  id: 'windowed',
  price: {
    model: 'calendar',
    windows: [{ name: 'night', from: '22:00', to: '06:00' }],
    prices: { night: { model: 'per-unit', unitPrice: '1' } },
    otherwise: { model: 'per-unit', unitPrice: '2' },
  },
})

const plain = async (rules: Tariff['rules']) => {
  const tariff = tariffOf(rules)
  const snapshot = await measured(tariff, [steady, port('b', (minute) => minute * 1000)])
  const { charges, unpriced } = unwrap(rateSnapshot(tariff, snapshot))
  expect(unpriced).toEqual([])
  return {
    cuts: snapshot.measurements[0]!.cutsMs.length,
    // Everything but the evidence, which has the cuts.
    lines: charges
      .filter(({ ruleId }) => ruleId === 'traffic')
      .map(({ lineId, quantity, amount, period, trace, measurements }) => {
        return { lineId, quantity, amount, period, trace, measurements }
      }),
  }
}

test.each<[string, object, string[]]>([
  ['begun steps of each entry', { increment: { size: '1000', at: 'entry' } }, ['3000']],
  ['the largest entry', { aggregate: 'maximum' }, ['1380']],
  ['the last entry of each resource', { aggregate: 'last', per: 'resource' }, ['1380', '951.51']],
  ['entries rounded one by one', { rounding: { mode: 'up', scale: 0, at: 'entry' } }, ['2332']],
  ['a line for each entry', { per: 'entry' }, ['1380', '951.51']],
])('%s: what a rule comes to does not depend on the cuts of another', async (_, rule, quantities) => {
  const alone = await plain([usage(rule)])
  const beside = await plain([usage(rule), windowed])
  expect([alone.cuts, beside.cuts]).toEqual([0, 2])
  expect(alone.lines.map(({ quantity }) => quantity)).toEqual(quantities)
  expect(beside.lines).toEqual(alone.lines)
})

test('agents that measure one resource one after the other make one entry', async () => {
  const half = (DAY.to - DAY.from) / 2
  const sent = [0, 1].map((turn) => {
    const agent = createTestAgent(`turn ${turn}`)
    const stream = agent.define('switch:c/port:1', 'host.network.received', 'B')
    const samples = [0, half].map((offset, i) => {
      const timeMs = DAY.from + turn * half + offset
      return { stream, epoch: 1n, timeMs, register: BigInt(i) * 300_000_000n, spanMs: offset }
    })
    return { agent, streams: [stream], batches: [agent.seal(samples)] }
  })
  const tariff = tariffOf([usage({ increment: { size: '1000', at: 'entry' } })])
  const snapshot = await snapshotOf(['switch:c'], DAY, createMemoryStore(sent), tariff)
  expect(snapshot.measurements[0]!.streams).toHaveLength(2)
  expect(linesOf(tariff, snapshot).map(([, , quantity]) => quantity)).toEqual(['1000'])
})

test('its own cuts it has, whatever others cut', async () => {
  const hourly = { grain: 'hour', increment: { size: '100', at: 'entry' } }
  const alone = await plain([usage(hourly)])
  expect(await plain([usage(hourly), windowed])).toEqual(alone)
  // 23 hours of 60 MB, and of port b what each hour has.
  expect(alone.lines[0]!.quantity).toBe('4600')
})
