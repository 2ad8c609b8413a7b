import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Answer, Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  for (const account of ['acme', 'beta', 'gamma']) await openAccount(fixture, account)
})
afterAll(() => fixture.close())

const codeOf = ({ status, body }: Answer) => (status < 300 ? status : body['code'])
const pointersOf = ({ body }: Answer) =>
  (body['errors'] === undefined ? [body] : list(body['errors'])).map(
    (fault) => `${fault['code']!} ${fault['pointer']!}`,
  )
const put = (resource: string, attributes: unknown, from: string) =>
  fixture.send('PUT', '/v1/resources/attributes', { resource, attributes, from })
const post = (effectiveFrom: string, rules: readonly unknown[]) =>
  fixture.send('POST', '/v1/attribution-rule-sets', { effectiveFrom, rules })
const sole = (account: string) => [{ account, percent: '100' }]

describe('what is invoiced', () => {
  const preview = (rules: readonly unknown[], rest: object = {}, from = '2026-01-01T00:00:00Z') =>
    fixture.send('POST', '/v1/attribution-previews', {
      ruleSet: { effectiveFrom: from, rules },
      period: { from: '2026-01-31T23:00:00Z', to: '2026-03-31T22:00:00Z' },
      ...rest,
    })
  const shown = ({ body }: Answer) =>
    list(body['moves']).map((move) => {
      const to: string = move['to'] ?? 'nobody'
      return `${move['resource']!} ${move['from']!} → ${to} ${move['amount']!['amount']!}`
    })
  const beta = [
    {
      id: 'r',
      priority: 1,
      when: { resource: 'host:acme/*' },
      to: [
        { account: 'beta', percent: '25' },
        { account: 'acme', percent: '75' },
      ],
    },
  ]
  let march: string

  beforeAll(async () => {
    const february = await draw(fixture, 'acme', 2)
    await fixture.send('POST', `/v1/invoices/${february}/issue`)
    march = await draw(fixture, 'acme', 3)
  })

  it('is previewed line by line, drafts and issued, and nothing is changed', async () => {
    const before = await fixture.send('GET', '/v1/attribution-rule-sets?limit=200')
    const answer = await preview(beta)
    // Lines of 8.09 + 21.77 in February and 8.95 + 24.07 in March; a quarter of each, whole cents by line.
    expect(answer).toMatchObject({ status: 200, body: { lines: 4 } })
    expect(shown(answer)).toEqual(['host:acme acme → beta 15.72'])
    expect(answer.body['accounts']).toEqual([
      {
        account: 'acme',
        gains: { amount: '0.00', currency: 'EUR' },
        losses: { amount: '15.72', currency: 'EUR' },
        net: { amount: '-15.72', currency: 'EUR' },
      },
      {
        account: 'beta',
        gains: { amount: '15.72', currency: 'EUR' },
        losses: { amount: '0.00', currency: 'EUR' },
        net: { amount: '15.72', currency: 'EUR' },
      },
    ])
    expect((await fixture.send('GET', '/v1/attribution-rule-sets?limit=200')).body).toEqual(before.body)
  })

  it('moves only from the instant on, and to nobody where no rule is for it', async () => {
    // Half of March in Berlin, which has 743 hours; of 8.95 and 24.07 the odd cents stay.
    expect(shown(await preview([], {}, '2026-03-16T10:30:00Z'))).toEqual(['host:acme acme → nobody 16.50'])
    expect(shown(await preview(beta, { keepAssigned: true }))).toEqual([])
    expect(shown(await preview(beta, {}, '2026-04-01T00:00:00Z'))).toEqual([])
  })

  it('is not previewed with faults, which come all at once', async () => {
    const answer = await fixture.send('POST', '/v1/attribution-previews', {
      ruleSet: {
        effectiveFrom: '2026-01-01T00:00:00Z',
        rules: [{ ...beta[0], to: [{ account: 'x', percent: '99' }] }],
      },
      period: { from: '2026-03-01T00:00:00Z', to: '2026-02-01T00:00:00Z' },
    })
    expect(pointersOf(answer)).toEqual([
      'ATTRIBUTION_INVALID /ruleSet/rules/0/to',
      'NOT_FOUND /ruleSet/rules/0/to/0/account',
      'PERIOD_REVERSED /period',
    ])
  })

  it('is not touched by rules: those that name whom it bills start after it', async () => {
    const named = await post('2026-02-15T00:00:00Z', beta)
    expect([codeOf(named), pointersOf(named)]).toEqual(['INVOICE_ISSUED', ['INVOICE_ISSUED /effectiveFrom']])
    expect(named.body['detail']).toContain('start at 2026-02-28T23:00:00Z or later')
    expect(codeOf(await post('2026-02-28T23:00:00Z', beta))).toBe('ALREADY_EXISTS')
    await fixture.send('DELETE', `/v1/invoices/${march}`)
    expect(codeOf(await post('2026-02-28T23:00:00Z', beta))).toBe(201)
    // Whoever has no invoice may be named before, as long as nobody's rules of that time are replaced.
    expect(
      codeOf(
        await post('2026-01-01T00:00:00Z', [
          { id: 'g', priority: 1, when: { attributes: { team: 'g' } }, to: sole('gamma') },
        ]),
      ),
    ).toBe(201)
  })

  it('is not touched by attributes that its rules ask for, and others are free', async () => {
    const gamma = await draw(fixture, 'gamma', 1)
    await fixture.send('POST', `/v1/invoices/${gamma}/issue`)
    expect(codeOf(await put('host:new', { team: 'g' }, '2026-01-15T00:00:00Z'))).toBe('INVOICE_ISSUED')
    expect(codeOf(await put('host:new', { env: 'live' }, '2026-01-15T00:00:00Z'))).toBe(200)
    expect(codeOf(await put('host:new', { team: 'g', env: 'live' }, '2026-01-31T23:00:00Z'))).toBe(200)
    // To go without it is a change as well.
    await put('host:late', { team: 'g' }, '2026-02-01T00:00:00Z')
    expect(codeOf(await put('host:late', {}, '2026-02-01T00:00:00Z'))).toBe(200)
    expect(codeOf(await put('host:late', { team: 'g' }, '2026-01-31T22:59:59.999Z'))).toBe('INVOICE_ISSUED')
  })

  it('is not slipped under a draw that is under way: who comes later waits, and sees its draft', async () => {
    let open = () => undefined as void
    fixture.rating.gate = new Promise((resolve) => {
      open = resolve
    })
    const before = fixture.rating.requests.length
    const drawn = draw(fixture, 'gamma', 4)
    await expect.poll(() => fixture.rating.requests.length).toBeGreaterThan(before)
    const rule = { id: 'g', priority: 1, when: {}, to: sole('gamma') }
    const late = post('2026-04-10T00:00:00Z', [rule])
    const patience = new Promise<'waits'>((resolve) => setTimeout(resolve, 200, 'waits'))
    expect(await Promise.race([late, patience])).toBe('waits')
    open()
    fixture.rating.gate = undefined
    expect((await late).body['detail']).toContain(await drawn)
    expect(codeOf(await late)).toBe('ALREADY_EXISTS')
  })
})
