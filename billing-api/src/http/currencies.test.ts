import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { list, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await publishTariff(fixture, 'dollars', 'USD')
})
afterAll(() => fixture.close())

const run = async (account: string, month: number) =>
  fixture.send('POST', '/v1/invoice-runs', { account, month: { year: 2026, month } })
const issue = (id: string) => fixture.send('POST', `/v1/invoices/${id}/issue`)

/** An account that pays in dollars until the middle of a month, in euros from then on. */
async function switching(account: string, month: number): Promise<void> {
  const middle = new Date(Date.UTC(2026, month - 1, 15)).toISOString()
  await fixture.send('POST', '/v1/accounts', { id: account, name: account, timeZone: 'UTC' })
  for (const [id, period] of [
    ['dollars', { from: '2026-01-01T00:00:00Z', to: middle }],
    ['standard', { from: middle }],
  ] as const)
    await fixture.send('POST', '/v1/contracts', { account, tariff: { id }, period })
  await fixture.send('POST', '/v1/assignments', {
    account,
    resource: `host:${account}`,
    period: { from: '2026-01-01T00:00:00Z' },
  })
}

/** Draft ids of a run by currency. */
async function drawn(account: string, month: number): Promise<Readonly<Record<string, string>>> {
  const { body } = await run(account, month)
  return Object.fromEntries(
    list(body['invoices']).map((invoice) => [invoice['currency']!, invoice['id']!] as const),
  )
}

describe('a period in two currencies', () => {
  it('is drawn again in the currency that is not issued yet, until both are', async () => {
    await switching('two', 3)
    const first = await drawn('two', 3)
    expect(Object.keys(first)).toEqual(['USD', 'EUR'])
    expect((await issue(first['EUR']!)).status).toBe(200)
    expect((await fixture.send('DELETE', `/v1/invoices/${first['USD']!}`)).status).toBe(200)
    const again = await drawn('two', 3)
    expect(Object.keys(again)).toEqual(['USD'])
    expect((await issue(again['USD']!)).status).toBe(200)
    expect((await run('two', 3)).body).toMatchObject({ code: 'INVOICE_ISSUED' })
  })

  it('keeps no draft of a currency in which nothing is due any more', async () => {
    await switching('gone', 3)
    const february = await drawn('gone', 2)
    expect((await issue(february['USD']!)).status).toBe(200)
    const march = await drawn('gone', 3)
    expect((await issue(march['USD']!)).status).toBe(200)
    // What is late is in dollars, for months that were in them.
    fixture.rating.arriveLate('host:gone', 3_600_000n)
    const late = await drawn('gone', 4)
    expect(Object.keys(late)).toEqual(['EUR', 'USD'])
    fixture.rating.arriveLate('host:gone', 0n)
    expect(Object.keys(await drawn('gone', 4))).toEqual(['EUR'])
    expect((await fixture.send('GET', `/v1/invoices/${late['USD']!}`)).body).toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
