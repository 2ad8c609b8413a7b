import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, list, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture, Json } from '../testing/billing-fixture.ts'
import { focusViolations } from '../testing/focus-conformance.ts'

let fixture: Fixture
let april: string

/** In Berlin, where April has 720 hours: the host of the databases is the shop's from the eleventh on. */
const MOVED = '2026-04-10T22:00:00Z'
const FROM = '2026-03-31T22:00:00Z'
const RULES = [
  {
    id: 'web',
    priority: 1,
    when: { attributes: { team: 'web' } },
    to: [
      { account: 'acme', costCentre: 'shop', percent: '50' },
      { account: 'acme', costCentre: 'blog', percent: '25' },
      { account: 'acme', percent: '25' },
    ],
  },
  {
    id: 'db',
    priority: 2,
    when: { attributes: { team: 'db' } },
    to: [{ account: 'acme', costCentre: 'data', percent: '100' }],
  },
]

beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  const rules = [
    {
      id: 'cpu',
      kind: 'usage',
      per: 'resource',
      item: 'compute.cpu',
      price: { model: 'per-unit', unitPrice: '12.042' },
    },
    { id: 'base', kind: 'fee', amount: '10.00' },
  ]
  await fixture.send('POST', '/v1/tariffs', {
    id: 'ruled',
    currency: 'EUR',
    amountRounding: 'half-even',
    rules,
  })
  const period = { from: '2026-01-01T00:00:00Z' }
  for (const account of ['acme', 'plain']) {
    await fixture.send('POST', '/v1/accounts', { id: account, name: account, timeZone: 'Europe/Berlin' })
    await fixture.send('POST', '/v1/contracts', { account, tariff: { id: 'ruled' }, period })
    await fixture.send('POST', '/v1/assignments', { account, resource: `host:${account}`, period })
  }
  const put = (resource: string, team: string, from: string) =>
    fixture.send('PUT', '/v1/resources/attributes', { resource, attributes: { team }, from })
  await put('host:db', 'db', FROM)
  await put('host:db', 'web', MOVED)
  await put('host:web', 'web', FROM)
  await fixture.send('POST', '/v1/attribution-rule-sets', { effectiveFrom: FROM, rules: RULES })
  fixture.rating.resources = ['host:acme', 'host:db', 'host:plain', 'host:web']
  april = await draw(fixture, 'acme', 4)
})
afterAll(() => fixture.close())

const invoice = async (id: string) => (await fixture.send('GET', `/v1/invoices/${id}`)).body
const partsOf = (line: Json | undefined) =>
  line!['costCentres'] === undefined
    ? []
    : list(line!['costCentres']).map(
        ({ costCentre = '-', amount, share }) =>
          `${costCentre} ${amount!['amount']!}${share === undefined ? '' : ` (${share})`}`,
      )
const linesOf = (body: Json) =>
  list(body['lines']).map((line) => [
    line['resource'] ?? line['rule'],
    line['kind'],
    line['amount']!['amount'],
    partsOf(line),
  ])

const APRIL = [
  // Assigned by hand.
  ['host:acme', 'usage', '8.67', []],
  // Ten of thirty days of the databases, then of the web.
  ['host:db', 'usage', '8.67', ['- 1.45 (1/6)', 'blog 1.44 (1/6)', 'data 2.89 (1/3)', 'shop 2.89 (1/3)']],
  ['host:web', 'usage', '8.67', ['- 2.17 (0.25)', 'blog 2.17 (0.25)', 'shop 4.33 (0.5)']],
  // As the usage of 26.01 is borne.
  [
    'base',
    'fee',
    '10.00',
    ['- 4.72 (1229/2601)', 'blog 1.39 (361/2601)', 'data 1.11 (1/9)', 'shop 2.78 (722/2601)'],
  ],
]

describe('an invoice over cost centres', () => {
  it('divides each line by the usage that it prices, and what prices none as that usage', async () => {
    const body = await invoice(april)
    expect(linesOf(body)).toEqual(APRIL)
    expect(partsOf(body)).toEqual(['- 17.01', 'blog 5.00', 'data 4.00', 'shop 10.00'])
    expect(body['total']).toEqual({ amount: '36.01', currency: 'EUR' })
  })

  it('is drawn alike by a run for all, and says nothing of them where no rule names one', async () => {
    const run = await fixture.send('POST', '/v1/invoice-runs', { month: { year: 2026, month: 4 } })
    const ids = list(run.body['invoices']).map(({ id }) => id!)
    const bodies = await Promise.all(ids.map(invoice))
    const [acme, plain] = ['acme', 'plain'].map((id) => bodies.find(({ buyer }) => buyer!['id'] === id)!)
    expect(linesOf(acme!)).toEqual(APRIL)
    for (const each of [plain!, ...list(plain!['lines'])]) expect(each).not.toHaveProperty('costCentres')
    april = acme!['id']!
  })

  it('keeps its division once it is issued, whatever rules come later', async () => {
    const issued = await fixture.send('POST', `/v1/invoices/${april}/issue`)
    expect(linesOf(issued.body)).toEqual(APRIL)
    const rules = [{ ...RULES[0], to: [{ account: 'acme', costCentre: 'shop-2', percent: '100' }] }, RULES[1]]
    const later = await fixture.send('POST', '/v1/attribution-rule-sets', {
      effectiveFrom: '2026-04-30T22:00:00Z',
      rules,
    })
    expect(later.status).toBe(201)
    expect(linesOf(await invoice(april))).toEqual(APRIL)
    for (const change of ['NULL', `'[{"minor": "867"}]'`]) {
      const update = `UPDATE billing.invoice_lines SET cost_centres = ${change} WHERE invoice_id = $1`
      await expect(fixture.sql.query(update, [april])).rejects.toMatchObject({ code: '23001' })
    }
  })

  it('divides late usage by the rules of its own period, less what was divided before', async () => {
    fixture.rating.arriveLate('host:db', 3_600_000n)
    const may = await draw(fixture, 'acme', 5)
    const { body } = await fixture.send('POST', `/v1/invoices/${may}/issue`)
    // Of 20.71 in all, 4464 to 5328 before and after the move: 2.82, 2.82, 9.44 and 5.63.
    expect(linesOf(body).slice(-1)).toEqual([
      ['host:db', 'late-usage', '12.04', ['- 1.37', 'blog 1.38', 'data 6.55', 'shop 2.74']],
    ])
    expect(linesOf(body)[1]).toEqual([
      'host:db',
      'usage',
      expect.any(String),
      [expect.stringMatching(/^shop-2 .* \(1\)$/)],
    ])
    const sum = partsOf(body).reduce((all, text) => all + Math.round(Number(text.split(' ')[1]) * 100), 0)
    expect(sum).toBe(Math.round(Number(body['total']!['amount']) * 100))
    // Once more as much: of 32.75 in all, 8064 to 8928.
    fixture.rating.arriveLate('host:db', 7_200_000n)
    fixture.setNow(Date.UTC(2026, 6, 2))
    const { body: june } = await fixture.send('POST', `/v1/invoices/${await draw(fixture, 'acme', 6)}/issue`)
    const corrected = list(june['lines']).find((line) => line['corrects'] === 'INV-000001')
    expect(partsOf(corrected)).toEqual(['- 1.48', 'blog 1.48', 'data 6.10', 'shop 2.98'])
  })

  it('has a row for each part in the FOCUS dataset, which sums to the invoice', async () => {
    const query = 'from=2026-04-01T00:00:00Z&to=2026-08-01T00:00:00Z&account=acme&format=json'
    const { body } = await fixture.send('GET', `/v1/exports/focus?${query}`)
    const rows = list(body['rows'])
    expect(focusViolations(rows as never)).toEqual([])
    const db = rows.filter((row) => row['x_InvoiceLineNumber'] === '2' && row['InvoiceId'] === 'INV-000001')
    expect(
      db.map((row) =>
        ['x_CostCentre', 'BilledCost', 'ConsumedQuantity', 'PricingQuantity', 'ContractedCost'].map(
          (name) => row[name],
        ),
      ),
    ).toEqual([
      [null, '1.45', '0.12', '0.12', '1.44504'],
      ['blog', '1.44', '0.12', '0.12', '1.44504'],
      ['data', '2.89', '0.24', '0.24', '2.89008'],
      ['shop', '2.89', '0.24', '0.24', '2.89008'],
    ])
    const cents = new Map<string, number>()
    for (const row of rows)
      cents.set(
        row['InvoiceId']!,
        (cents.get(row['InvoiceId']!) ?? 0) + Math.round(Number(row['BilledCost']) * 100),
      )
    const issued = await fixture.send('GET', '/v1/invoices?account=acme&status=issued')
    expect([...cents]).toEqual(
      list(issued.body['items']).map((each) => [
        each['number'],
        Math.round(Number(each['total']!['amount']) * 100),
      ]),
    )
  })
})

it.each([
  ['another sum', `'[{"minor": "1"}, {"costCentre": "x", "minor": "1"}]'`],
  ['no part', `'[]'`],
])('the database refuses a division with %s', async (_, division) => {
  const draft = await draw(fixture, 'plain', 4)
  const insert = `INSERT INTO billing.invoice_lines (invoice_id, line_number, description, tariff_id, tariff_version,
    item_id, amount_minor, charge, cost_centres) SELECT invoice_id, 99, description, tariff_id, tariff_version, item_id, 3,
    charge, ${division} FROM billing.invoice_lines WHERE invoice_id = $1 AND line_number = 1`
  await expect(fixture.sql.query(insert, [draft])).rejects.toMatchObject({ code: '23514' })
})
