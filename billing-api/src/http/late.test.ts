import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '@vouch/proto/kernel/fault.ts'
import { draw, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await publishTariff(fixture, 'dollars', 'USD')
})
afterAll(() => fixture.close())

const issue = (id: string) => fixture.send('POST', `/v1/invoices/${id}/issue`)

/** An account with one host whose February is invoiced; gives the invoice's id. */
async function billed(account: string, closing: object = {}): Promise<string> {
  const period = { from: '2026-01-01T00:00:00Z' }
  await fixture.send('POST', '/v1/accounts', { id: account, name: account, timeZone: 'UTC' })
  await fixture.send('POST', '/v1/contracts', { account, tariff: { id: 'standard' }, period, closing })
  await fixture.send('POST', '/v1/assignments', { account, resource: `host:${account}`, period })
  const id = await draw(fixture, account, 2)
  await issue(id)
  return id
}

const kindsOf = async (id: string) => {
  const { body } = await fixture.send('GET', `/v1/invoices/${id}`)
  return (
    body['lines'] as unknown as {
      kind: string
      item: string
      amount: { amount: string }
      corrects?: string
    }[]
  ).map(({ kind, item, amount, corrects }) => [kind, item, amount.amount, corrects])
}

describe('usage that arrives after its invoice', () => {
  it('comes with the next one as a correction of its own period, once', async () => {
    const february = await billed('late')
    const { body: first } = await fixture.send('GET', `/v1/invoices/${february}`)
    // 3,600,000 units more: an hour of a core, and 3,600 kB.
    fixture.rating.arriveLate('host:late', 3_600_000n)
    const march = await draw(fixture, 'late', 3)
    const lines = await kindsOf(march)
    expect(lines.slice(2)).toEqual([
      ['late-usage', 'compute.cpu', '12.04', first['number']],
      ['late-usage', 'network.out', '32.40', first['number']],
    ])
    await issue(march)
    const april = await draw(fixture, 'late', 4)
    expect((await kindsOf(april)).map(([kind]) => kind)).toEqual(['usage', 'usage'])
  })

  it('may be taken back by what arrives later still', async () => {
    fixture.rating.arriveLate('host:late', 0n)
    const april = await draw(fixture, 'late', 4)
    const lines = await kindsOf(april)
    expect(lines.filter(([kind]) => kind === 'late-usage').map(([, item, amount]) => [item, amount])).toEqual(
      [
        ['compute.cpu', '-12.04'],
        ['network.out', '-32.40'],
        ['compute.cpu', '-12.04'],
        ['network.out', '-32.40'],
      ],
    )
  })

  it('makes a draft stale that corrects what another invoice has corrected since', async () => {
    await billed('twice')
    fixture.rating.arriveLate('host:twice', 3_600_000n)
    const march = await draw(fixture, 'twice', 3)
    const april = await draw(fixture, 'twice', 4)
    expect((await issue(march)).status).toBe(200)
    const { body } = await issue(april)
    expect(body).toMatchObject({ code: 'DRAFT_STALE' })
    expect((await issue(await draw(fixture, 'twice', 4))).status).toBe(200)
  })

  it.each([
    ['of a contract that rejects it', 'rejecting', { lateUsage: 'reject' }],
    ['below the minimum', 'small', { lateMinimum: '44.45' }],
  ])('%s is in no invoice, but in the re-rating of its own', async (_, account, closing) => {
    const february = await billed(account, closing)
    fixture.rating.arriveLate(`host:${account}`, 3_600_000n)
    expect(await kindsOf(await draw(fixture, account, 3))).toHaveLength(2)
    const { body } = await fixture.send('GET', `/v1/invoices/${february}/rerating`)
    expect(body).toMatchObject({
      difference: { amount: '44.44', currency: 'EUR' },
      statements: [
        { lines: [{ item: 'compute.cpu', difference: { amount: '12.04' } }, { item: 'network.out' }] },
      ],
    })
  })

  it.each<[string, object, (string | null)[]]>([
    ['taken', {}, ['44.44', 'next-invoice']],
    ['rejected', { lateUsage: 'reject' }, ['44.44', 'contract-rejects']],
    ['tiny', { lateMinimum: '44.45' }, ['44.44', 'too-small']],
  ])('is reported: %s', async (name, closing, expected) => {
    const account = `report-${name}`
    await billed(account, closing)
    const report = async () =>
      (
        await fixture.send(
          'GET',
          `/v1/accounts/${account}/late-usage?from=2026-02-01T00:00:00Z&to=2026-07-01T00:00:00Z&format=json`,
        )
      ).body['rows'] as unknown as { From: string; Difference: string | null; Standing: string }[]
    expect(await report()).toEqual([])
    fixture.rating.arriveLate(`host:${account}`, 3_600_000n)
    expect((await report()).map(({ Difference, Standing }) => [Difference, Standing])).toEqual([expected])
  })

  it('is reported as too old where invoices have gone on, and as unknown where readings have expired', async () => {
    await billed('report-old', { lateDays: 27 })
    await issue(await draw(fixture, 'report-old', 3))
    fixture.rating.arriveLate('host:report-old', 3_600_000n)
    const report = async () =>
      (
        await fixture.send(
          'GET',
          '/v1/accounts/report-old/late-usage?from=2026-02-01T00:00:00Z&to=2026-07-01T00:00:00Z&format=json',
        )
      ).body['rows'] as unknown as { From: string; Standing: string }[]
    const standings = (await report()).map(({ From, Standing }) => [From, Standing])
    expect(standings).toEqual([
      ['2026-02-01T00:00:00Z', 'too-old'],
      ['2026-03-01T00:00:00Z', 'next-invoice'],
    ])
    fixture.rating.measureFault = () => fail('EVIDENCE_MISSING', 'expired').fault
    expect((await report()).map(({ Standing }) => Standing)).toEqual(['EVIDENCE_MISSING', 'EVIDENCE_MISSING'])
    fixture.rating.measureFault = undefined
  })

  it.each([
    [0, 3, 4],
    // March was invoiced as well, so April corrects it.
    [30, 4, 4],
    [31, 4, 6],
  ])(
    'is taken by periods that begin within %i days: month %i has %i lines',
    async (lateDays, month, count) => {
      const account = `days-${lateDays}`
      await billed(account, { lateDays })
      if (month > 3) await issue(await draw(fixture, account, 3))
      fixture.rating.arriveLate(`host:${account}`, 3_600_000n)
      expect(await kindsOf(await draw(fixture, account, month))).toHaveLength(count)
    },
  )

  it('of a contract that has ended comes with a run for all, which says nothing of it otherwise', async () => {
    await billed('ended')
    const { body } = await fixture.send('GET', '/v1/contracts?limit=200')
    const contract = (body['items'] as unknown as { id: string; account: string }[]).find(
      ({ account }) => account === 'ended',
    )
    const march = { from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z' }
    const ended = await fixture.send('POST', `/v1/contracts/${contract!.id}/end`, { to: march.from })
    expect(ended.status).toBe(200)
    const run = async () => (await fixture.send('POST', '/v1/invoice-runs', { period: march })).body
    expect(JSON.stringify(await run())).not.toContain('"ended"')
    fixture.rating.arriveLate('host:ended', 3_600_000n)
    const own = ((await run())['invoices'] as unknown as { buyer: { id: string }; total: object }[]).filter(
      ({ buyer }) => buyer.id === 'ended',
    )
    expect(own).toMatchObject([{ total: { amount: '44.44' } }])
  })

  it('that cannot be measured again keeps no invoice from being drawn, and is reported', async () => {
    await billed('expired')
    fixture.rating.measureFault = (request) =>
      request.inForce!.fromMs < BigInt(Date.UTC(2026, 2, 1))
        ? fail('EVIDENCE_MISSING', 'expired').fault
        : undefined
    const { body } = await fixture.send('POST', '/v1/invoice-runs', {
      account: 'expired',
      month: { year: 2026, month: 3 },
    })
    fixture.rating.measureFault = undefined
    expect(body).toMatchObject({
      invoices: [{ buyer: { id: 'expired' } }],
      skipped: [
        {
          account: 'expired',
          code: 'EVIDENCE_MISSING',
          message: expect.stringMatching(/^late usage of INV-\d+: /),
        },
      ],
    })
  })

  it('is taken at the minimum', async () => {
    await billed('exact', { lateMinimum: '44.44' })
    fixture.rating.arriveLate('host:exact', 3_600_000n)
    expect(await kindsOf(await draw(fixture, 'exact', 3))).toHaveLength(4)
  })
})

describe('re-rating', () => {
  it('of frozen usage gives no difference, whatever arrived', async () => {
    const february = await billed('frozen')
    fixture.rating.arriveLate('host:frozen', 3_600_000n)
    const { body } = await fixture.send('GET', `/v1/invoices/${february}/rerating?usage=frozen`)
    expect(body).toMatchObject({ difference: { amount: '0.00' }, statements: [{ lines: [] }] })
  })

  it('under another tariff says what each line would have been', async () => {
    const february = await billed('priced')
    await fixture.send('POST', '/v1/tariffs', {
      id: 'double',
      currency: 'EUR',
      amountRounding: 'half-even',
      prices: [
        { item: 'compute.cpu', unitPrice: { amount: '24.084', currency: 'EUR' } },
        { item: 'network.out', unitPrice: { amount: '0.0090', currency: 'EUR' } },
      ],
    })
    const { body } = await fixture.send('GET', `/v1/invoices/${february}/rerating?tariff=double`)
    expect(body['statements']![0]!['lines']).toMatchObject([
      {
        item: 'compute.cpu',
        billed: { amount: '8.09' },
        now: { amount: '16.18' },
        difference: { amount: '8.09' },
      },
    ])
  })

  it.each([
    ['an unknown invoice', () => '019e807a-ec2c-71e1-b525-92ac5721a447/rerating', 'NOT_FOUND'],
    ['an unknown tariff', (id: string) => `${id}/rerating?tariff=nope`, 'NOT_FOUND'],
    [
      'another tariff on frozen usage',
      (id: string) => `${id}/rerating?tariff=double&usage=frozen`,
      'FIELD_INVALID',
    ],
    ['a tariff in another currency', (id: string) => `${id}/rerating?tariff=dollars`, 'CURRENCY_MISMATCH'],
    ['a version of no tariff', (id: string) => `${id}/rerating?version=99`, 'FIELD_INVALID'],
    ['usage of another kind', (id: string) => `${id}/rerating?usage=guessed`, 'FIELD_INVALID'],
  ])('of %s is refused', async (_, path, code) => {
    const { body: listing } = await fixture.send('GET', '/v1/invoices?account=priced')
    const { body } = await fixture.send('GET', `/v1/invoices/${path(listing['items']![0]!['id']!)}`)
    expect(body['code']).toBe(code)
  })

  it('of a draft is refused', async () => {
    const id = await draw(fixture, 'priced', 3)
    const { body } = await fixture.send('GET', `/v1/invoices/${id}/rerating`)
    expect(body['code']).toBe('FIELD_INVALID')
  })
})

describe('the grace of a contract', () => {
  it('keeps a period open for so long', async () => {
    fixture.setNow(Date.UTC(2026, 2, 1, 11, 59))
    const period = { from: '2026-01-01T00:00:00Z' }
    await fixture.send('POST', '/v1/accounts', { id: 'grace', name: 'grace', timeZone: 'UTC' })
    const closing = { graceMinutes: 720 }
    const { body: contract } = await fixture.send('POST', '/v1/contracts', {
      account: 'grace',
      tariff: { id: 'standard' },
      period,
      closing,
    })
    expect(contract['closing']).toEqual({
      graceMinutes: 720,
      lateUsage: 'next-invoice',
      lateDays: 90,
      lateMinimum: '0',
    })
    await fixture.send('POST', '/v1/assignments', { account: 'grace', resource: 'host:grace', period })
    const run = { account: 'grace', month: { year: 2026, month: 2 } }
    const { body } = await fixture.send('POST', '/v1/invoice-runs', run)
    expect(body).toMatchObject({
      code: 'PERIOD_OPEN',
      detail: expect.stringContaining('2026-03-01T12:00:00Z'),
    })
    fixture.setNow(Date.UTC(2026, 2, 1, 12))
    expect((await fixture.send('POST', '/v1/invoice-runs', run)).status).toBe(200)
  })
})
