import { formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { add, rational } from '@vouch/proto/kernel/rational.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme')
})
afterAll(() => fixture.close())

const ask = async (query: string, account = 'acme') =>
  fixture.send('GET', `/v1/accounts/${account}/charges?${query}&format=json`)
const rows = async (query: string) => list((await ask(query)).body['rows'])
const SPRING = 'from=2026-02-15T00:00:00Z&to=2026-08-01T00:00:00Z'

describe('what the usage of an account costs', () => {
  it('is what the invoices say, what months that are over come to, and what the current one does so far', async () => {
    const february = await draw(fixture, 'acme', 2)
    await fixture.send('POST', `/v1/invoices/${february}/issue`)
    fixture.setNow(Date.parse('2026-05-10T00:00:00Z'))
    const all = await rows(SPRING)
    // February is issued, March and April are over, of May there are days; June and July have not begun.
    expect(all.map((row) => [row['State'], row['From'], row['Item']])).toEqual([
      ['issued', '2026-01-31T23:00:00Z', 'compute.cpu'],
      ['issued', '2026-01-31T23:00:00Z', 'network.out'],
      ['open', '2026-02-28T23:00:00Z', 'compute.cpu'],
      ['open', '2026-02-28T23:00:00Z', 'network.out'],
      ['open', '2026-03-31T22:00:00Z', 'compute.cpu'],
      ['open', '2026-03-31T22:00:00Z', 'network.out'],
      ['running', '2026-04-30T22:00:00Z', 'compute.cpu'],
      ['running', '2026-04-30T22:00:00Z', 'network.out'],
    ])
    const { body: invoice } = await fixture.send('GET', `/v1/invoices/${february}`)
    expect(all.slice(0, 2).map((row) => [row['InvoiceNumber'], row['Amount']])).toEqual(
      list(invoice['lines']).map((line) => [invoice['number'], line['amount']!['amount']]),
    )
    // March comes to what its invoice does.
    const march = await draw(fixture, 'acme', 3)
    const { body: drawn } = await fixture.send('GET', `/v1/invoices/${march}`)
    expect(all.slice(2, 4).map((row) => [row['Quantity'], row['Unit'], row['Amount']])).toEqual(
      list(drawn['lines']).map((line) => [line['quantity'], line['unit'], line['amount']!['amount']]),
    )
  })

  it('has what later invoices corrected, under the period that it is for', async () => {
    await openAccount(fixture, 'late')
    const bill = async (month: number) => {
      const id = await draw(fixture, 'late', month)
      await fixture.send('POST', `/v1/invoices/${id}/issue`)
    }
    await bill(2)
    fixture.rating.arriveLate('host:late', 3_600_000n)
    await bill(3)
    const of = async (from: string, to: string) =>
      list((await ask(`from=${from}T12:00:00Z&to=${to}T12:00:00Z`, 'late')).body['rows']).map((row) => [
        row['Kind'],
        row['InvoiceNumber'],
      ])
    const february = await of('2026-02-02', '2026-02-20')
    expect(february.map(([kind]) => kind)).toEqual(['usage', 'usage', 'late-usage', 'late-usage'])
    expect(new Set(february.map(([, number]) => number)).size).toBe(2)
    expect((await of('2026-03-02', '2026-03-20')).map(([kind]) => kind)).toEqual(['usage', 'usage'])
  })

  it('may be asked of a resource, a meter, an item, and of a part of the time', async () => {
    const count = async (query: string) => (await rows(query)).length
    expect(await count(`${SPRING}&item=compute.cpu`)).toBe(4)
    expect(await count(`${SPRING}&meter=host.network.transmitted`)).toBe(4)
    expect(await count(`${SPRING}&resource=host:acme`)).toBe(8)
    expect(await count(`${SPRING}&resource=host:other`)).toBe(0)
    expect(await count('from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z')).toBe(2)
  })

  it('comes by steps of the calendar, which sum to the line', async () => {
    const whole = await rows('from=2026-03-10T00:00:00Z&to=2026-03-11T00:00:00Z&item=compute.cpu')
    const steps = await rows('from=2026-02-28T23:00:00Z&to=2026-03-31T22:00:00Z&item=compute.cpu&grain=day')
    expect(steps).toHaveLength(31)
    // The day on which clocks go forward has 23 hours.
    expect(steps[28]).toMatchObject({
      From: '2026-03-28T23:00:00Z',
      To: '2026-03-29T22:00:00Z',
      CoveredMs: null,
    })
    const sum = (member: string) =>
      steps.map((row) => unwrap(parseDecimal(String(row[member])))).reduce(add, rational(0n))
    expect(formatExact(sum('Amount'))).toBe(String(whole[0]!['Amount']).replace(/0+$/, ''))
    expect(formatExact(sum('Quantity'))).toBe(String(whole[0]!['Quantity']).replace(/0+$/, ''))
    const hours = await rows('from=2026-03-29T00:00:00Z&to=2026-03-29T04:00:00Z&item=compute.cpu&grain=hour')
    expect(hours.map((row) => row['From'])).toEqual([
      '2026-03-29T00:00:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-29T02:00:00Z',
      '2026-03-29T03:00:00Z',
    ])
  })

  it('may be asked of dimensions, and usage too', async () => {
    await openAccount(fixture, 'classes')
    const period = { from: '2026-01-01T00:00:00Z' }
    const gold = {
      account: 'classes',
      resource: 'host:gold',
      period,
      dimensions: { class: 'gold', region: 'eu' },
    }
    expect((await fixture.send('POST', '/v1/assignments', gold)).status).toBe(201)
    const of = async (what: string, query: string) =>
      list(
        (
          await fixture.send(
            'GET',
            `/v1/accounts/classes/${what}?from=2026-03-01T00:00:00Z&to=2026-03-31T00:00:00Z&format=json&${query}`,
          )
        ).body['rows'],
      ).map((row) => [row['Resource'], row['Dimensions']])
    const text = '{"class":"gold","region":"eu"}'
    const both = 'dimension=class=gold&dimension=region=eu'
    expect(await of('charges', both)).toEqual([
      ['host:gold', text],
      ['host:gold', text],
    ])
    expect(await of('usage', `grain=total&meter=host.cpu.used&${both}`)).toEqual([['host:gold', text]])
    expect(await of('usage', 'grain=total&meter=host.cpu.used')).toEqual([
      ['host:classes', null],
      ['host:gold', text],
    ])
    expect(await of('charges', 'dimension=class=silver')).toEqual([])
    const { body } = await ask(`${SPRING}&dimension=gold`, 'classes')
    expect(body).toMatchObject({ code: 'FIELD_INVALID', pointer: '/dimension' })
  })

  it('comes as CSV too', async () => {
    const { bytes, headers } = await fixture.send('GET', `/v1/accounts/acme/charges?${SPRING}`)
    expect(headers.get('content-type')).toMatch(/^text\/csv/)
    expect(new TextDecoder().decode(bytes).split('\n')[0]).toMatch(/^State,InvoiceNumber,Kind/)
  })

  it.each([
    [
      'a period that ends before it begins',
      'from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z',
      'PERIOD_REVERSED',
    ],
    ['more than thirteen months', 'from=2026-01-01T00:00:00Z&to=2027-03-01T00:00:00Z', 'OUT_OF_RANGE'],
    ['a period that has not begun', 'from=2200-01-01T00:00:00Z&to=2200-02-01T00:00:00Z', 'PERIOD_OPEN'],
    ['no period', 'to=2027-03-01T00:00:00Z', 'FIELD_MISSING'],
  ])('refuses %s', async (_, query, code) => {
    expect((await ask(query)).body).toMatchObject({ code })
  })

  it('refuses an account that is none', async () => {
    expect((await ask(SPRING, 'nobody')).body).toMatchObject({ code: 'NOT_FOUND' })
  })
})
