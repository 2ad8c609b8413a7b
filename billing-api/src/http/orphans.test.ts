import { afterAll, beforeAll, expect, it } from 'vitest'
import { openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme', 'host:acme')
  fixture.rating.meters = [
    { meter: 'host.cpu.used', unit: 'core_s', resources: 1 },
    { meter: 'app.calls', unit: '1', resources: 3 },
  ]
})
afterAll(() => fixture.close())

const orphans = async (from: string, to: string) =>
  (await fixture.send('GET', `/v1/catalogue/orphans?from=${from}&to=${to}`)).body

it('names meters that nobody pays for, and items that bring nothing, while contracts run and before', async () => {
  await fixture.send('POST', '/v1/items', {
    id: 'idle',
    name: 'Disk time',
    meter: 'host.disk.busy',
    unit: 'h',
    rounding: { mode: 'half-even', scale: 6 },
  })
  const idle = { item: 'idle', name: 'Disk time', meter: 'host.disk.busy', reason: 'no-tariff' }
  const under = await orphans('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
  expect(under['meters']).toEqual([{ meter: 'app.calls', unit: '1', resources: 3, reason: 'no-tariff' }])
  expect(under['items']).toContainEqual(idle)
  const before = await orphans('2019-01-01T00:00:00Z', '2019-02-01T00:00:00Z')
  expect(before['meters']).toEqual([
    { meter: 'host.cpu.used', unit: 'core_s', resources: 1, reason: 'no-contract' },
    { meter: 'app.calls', unit: '1', resources: 3, reason: 'no-tariff' },
  ])
})

it('refuses a period that is reversed or to come', async () => {
  expect((await orphans('2026-02-01T00:00:00Z', '2026-01-01T00:00:00Z'))['code']).toBe('PERIOD_REVERSED')
  expect((await orphans('2999-02-01T00:00:00Z', '2999-03-01T00:00:00Z'))['code']).toBe('PERIOD_OPEN')
})
