import { fail } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { retainUntil } from '../invoice/invoice.ts'
import { draw, openAccount, startFixture, publishTariff } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
})
afterAll(() => fixture.close())
beforeEach(() => {
  fixture.rating.pinFault = undefined
})

const issue = (id: string) => fixture.send('POST', `/v1/invoices/${id}/issue`)
const pinsOf = (id: string) => fixture.rating.pins.filter(({ document }) => document === id)

describe('the evidence of an invoice', () => {
  it('is pinned before it is issued: while that fails there is no invoice, no number and no posting', async () => {
    await openAccount(fixture, 'pin-fails')
    const id = await draw(fixture, 'pin-fails', 3)
    for (const code of ['STORE_UNAVAILABLE', 'EVIDENCE_MISSING', 'DISK_FULL'] as const) {
      fixture.rating.pinFault = fail(code, 'not pinned').fault
      const { status, body } = await issue(id)
      expect([status >= 400, body['code']]).toEqual([true, code])
      const { rows } = await fixture.sql.query(
        `SELECT issued_at, (SELECT count(*)::int FROM billing.proofs WHERE invoice_id = $1) AS proofs,
           (SELECT count(*)::int FROM billing.journal_entries WHERE invoice_id = $1) AS entries
         FROM billing.invoices WHERE invoice_id = $1`,
        [id],
      )
      expect(rows).toEqual([{ issued_at: null, proofs: 0, entries: 0 }])
    }
    fixture.rating.pinFault = undefined
    expect((await issue(id)).body['number']).toBe('INV-000001')
  })

  it('is pinned under the id of the invoice, every batch that holds a reading of it, for ten years from the end of the year', async () => {
    await openAccount(fixture, 'pinned')
    const id = await draw(fixture, 'pinned', 3)
    fixture.setNow(Date.UTC(2026, 11, 31, 23, 59))
    expect((await issue(id)).status).toBe(200)
    const [pin, ...more] = pinsOf(id)
    expect(more).toEqual([])
    expect(pin!.retainUntilMs).toBe(BigInt(Date.UTC(2037, 0, 1)))
    const proof = new TextDecoder().decode((await fixture.send('GET', `/v1/invoices/${id}/proof`)).bytes)
    const { batches } = JSON.parse(proof) as { batches: { body: string }[] }
    expect(pin!.batchDigests).toHaveLength(batches.filter(({ body }) => body !== '').length)
  })

  it('of an invoice that fails after the pin is pinned again at the next try', async () => {
    await openAccount(fixture, 'twice')
    const id = await draw(fixture, 'twice', 3)
    await fixture.owner.query('ALTER TABLE billing.journal_postings RENAME TO postings_away')
    const { status } = await issue(id)
    await fixture.owner.query('ALTER TABLE billing.postings_away RENAME TO journal_postings')
    expect(status).toBeGreaterThanOrEqual(500)
    expect((await issue(id)).status).toBe(200)
    expect(pinsOf(id)).toHaveLength(2)
  })

  it('of an invoice issued ten times at once is pinned once, for one number', async () => {
    await openAccount(fixture, 'at-once')
    const id = await draw(fixture, 'at-once', 3)
    const answers = await Promise.all(Array.from({ length: 10 }, () => issue(id)))
    const codes = answers.map(({ status, body }) => (status === 200 ? 'issued' : body['code']))
    expect(codes.filter((code) => code === 'issued')).toHaveLength(1)
    expect(codes.filter((code) => code === 'INVOICE_ISSUED')).toHaveLength(9)
    expect(pinsOf(id)).toHaveLength(1)
  })
})

it.each([
  ['the first instant of a year', Date.UTC(2026, 0, 1), 3_653, Date.UTC(2037, 0, 1)],
  ['the last of the year before', Date.UTC(2026, 0, 1) - 1, 3_653, Date.UTC(2036, 0, 2)],
  ['a day', Date.UTC(2026, 5, 1), 1, Date.UTC(2027, 0, 2)],
])('retention counts from the end of the year: %s', (_, issuedMs, days, until) => {
  expect(retainUntil(issuedMs, days)).toBe(until)
})
