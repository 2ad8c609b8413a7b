import { fromJsonString } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { proofSealValid, proofText } from '@vouch/proto/seal/proof.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { draw, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'
import { PDF_NOTE, PDF_READABLE, pdfText } from '../testing/pdf-text.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme', 'Łódź Data & Söhne')
  await openAccount(fixture, 'silent')
})
afterAll(() => fixture.close())

describe('from contract to issued invoice', () => {
  let id: string

  it('draws a draft whose lines and total are exact', async () => {
    id = await draw(fixture, 'acme', 3)
    const { body } = await fixture.send('GET', `/v1/invoices/${id}`)
    expect(body).toMatchObject({
      status: 'draft',
      currency: 'EUR',
      timeZone: 'Europe/Berlin',
      // March in Berlin: an hour is lost to summer time, so 743 hours are billed.
      period: { from: '2026-02-28T23:00:00Z', to: '2026-03-31T22:00:00Z' },
      buyer: { id: 'acme', name: 'Łódź Data & Söhne' },
      // 0.743 core-hours × 12.042 = 8.947206; 2674.8 kB × 0.009 = 24.0732.
      total: { amount: '33.02', currency: 'EUR' },
    })
    expect(body['lines']).toMatchObject([
      { lineNumber: 1, description: 'CPU time', quantity: '0.743000', amount: { amount: '8.95' } },
      { lineNumber: 2, description: 'Traffic out', quantity: '2674.800000', amount: { amount: '24.07' } },
    ])
    expect(body['number']).toBeUndefined()
    expect((await fixture.send('GET', `/v1/invoices/${id}/proof`)).status).toBe(404)
  })

  it('draws the same period anew in place of the draft', async () => {
    const again = await draw(fixture, 'acme', 3)
    expect(again).not.toBe(id)
    expect((await fixture.send('GET', `/v1/invoices/${id}`)).status).toBe(404)
    id = again
  })

  it('issues it with a number, a posting, and a sealed proof', async () => {
    const issued = await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect(issued).toMatchObject({ status: 200, body: { status: 'issued', number: 'INV-000001' } })
    const { bytes, headers } = await fixture.send('GET', `/v1/invoices/${id}/proof`)
    expect(headers.get('content-type')).toBe('application/json')
    expect(toHex(sha256(bytes))).toBe(issued.body['proofSha256'])
    const text = new TextDecoder().decode(bytes)
    const proof = fromJsonString(ProofSchema, text)
    expect(proofText(proof)).toBe(text)
    expect(proofSealValid(proof)).toBe(true)
    expect(toHex(proof.seal!.publicKey)).toBe(toHex(fixture.issuerPublicKey))
    expect(proof.invoice).toMatchObject({ number: 'INV-000001', total: '33.02', currency: 'EUR' })
    expect(proof.batches.map(({ body }) => body.length > 0)).toEqual([true, true])
    expect(proof.streams.length).toBe(2)

    const journal = await fixture.send('GET', '/v1/journal')
    expect(journal.body['items']![0]!['postings']).toEqual([
      { account: 'receivable', subject: 'acme', amount: { amount: '33.02', currency: 'EUR' } },
      { account: 'revenue', subject: 'compute.cpu', amount: { amount: '-8.95', currency: 'EUR' } },
      { account: 'revenue', subject: 'network.out', amount: { amount: '-24.07', currency: 'EUR' } },
    ])
  })

  it('keeps it: no second issue, no discard, no second invoice, no change behind it', async () => {
    const period = { from: '2026-03-15T00:00:00Z', to: '2026-03-16T00:00:00Z' }
    const attempts = [
      fixture.send('POST', `/v1/invoices/${id}/issue`),
      fixture.send('DELETE', `/v1/invoices/${id}`),
      fixture.send('POST', '/v1/invoice-runs', { account: 'acme', month: { year: 2026, month: 3 } }),
      fixture.send('POST', '/v1/invoice-runs', { account: 'acme', period }),
      fixture.send('POST', '/v1/assignments', { account: 'acme', resource: 'host:late', period }),
    ]
    for (const { status, body } of await Promise.all(attempts)) {
      expect([status, body['code']]).toEqual([409, 'INVOICE_ISSUED'])
    }
  })

  it.runIf(PDF_READABLE)(`shows it as a PDF that says what the invoice says${PDF_NOTE}`, async () => {
    const { bytes, headers } = await fixture.send('GET', `/v1/invoices/${id}/pdf`)
    expect(headers.get('content-type')).toBe('application/pdf')
    const text = await pdfText(bytes)
    for (const part of [
      'Invoice INV-000001',
      'Łódź Data & Söhne',
      '33.02 EUR',
      '2674.800000',
      'host:acme',
      '1772319600',
    ]) {
      expect(text).toContain(part)
    }
    const repeated = await fixture.send('GET', `/v1/invoices/${id}/pdf`)
    expect(toHex(sha256(repeated.bytes))).toBe(toHex(sha256(bytes)))
  })
})

describe('a run over all accounts', () => {
  it('draws whom it can and names whom it passes over', async () => {
    const { body } = await fixture.send('POST', '/v1/invoice-runs', { month: { year: 2026, month: 3 } })
    expect(body['invoices']).toEqual([])
    expect(body['skipped']).toMatchObject([
      { account: 'acme', code: 'INVOICE_ISSUED' },
      { account: 'silent', code: 'INVOICE_EMPTY' },
    ])
  })

  it('leaves no trace of an account that fails in the database', async () => {
    const first = { from: '2026-04-10T00:00:00Z', to: '2026-04-20T00:00:00Z' }
    const across = { from: '2026-04-15T00:00:00Z', to: '2026-04-25T00:00:00Z' }
    const draft = await fixture.send('POST', '/v1/invoice-runs', { account: 'acme', period: first })
    const { body } = await fixture.send('POST', '/v1/invoice-runs', { period: across })
    expect(body['skipped']).toMatchObject([
      { account: 'acme', code: 'ALREADY_EXISTS' },
      { account: 'silent' },
    ])
    const discarded = await fixture.send('DELETE', `/v1/invoices/${draft.body['invoices']![0]!['id']!}`)
    expect(discarded.status).toBe(200)
    const again = await fixture.send('POST', '/v1/invoice-runs', { period: across })
    expect(again.body['invoices']).toHaveLength(1)
  })

  it('hands each contract its own part of the period', async () => {
    await publishTariff(fixture, 'second')
    await fixture.send('POST', '/v1/accounts', { id: 'mover', name: 'Mover', timeZone: 'UTC' })
    for (const [tariff, from, to] of [
      ['standard', '2026-01-01T00:00:00Z', '2026-02-11T00:00:00Z'],
      ['second', '2026-02-11T00:00:00Z', undefined],
    ]) {
      const period = { from, ...(to === undefined ? {} : { to }) }
      await fixture.send('POST', '/v1/contracts', { account: 'mover', tariff: { id: tariff }, period })
    }
    const period = { from: '2026-02-10T12:00:00Z', to: '2026-03-01T00:00:00Z' }
    await fixture.send('POST', '/v1/assignments', { account: 'mover', resource: 'host:mover', period })
    const before = fixture.rating.requests.length
    const id = await draw(fixture, 'mover', 2)
    const asked = fixture.rating.requests.slice(before).map((request) => ({
      tariff: request.tariff!.tariffId,
      from: new Date(Number(request.assignments[0]!.period!.fromMs)).toISOString(),
      to: new Date(Number(request.assignments[0]!.period!.toMs)).toISOString(),
    }))
    expect(asked).toEqual([
      { tariff: 'standard', from: '2026-02-10T12:00:00.000Z', to: '2026-02-11T00:00:00.000Z' },
      { tariff: 'second', from: '2026-02-11T00:00:00.000Z', to: '2026-03-01T00:00:00.000Z' },
    ])
    const { body } = await fixture.send('POST', `/v1/invoices/${id}/issue`)
    expect(body['lines']).toHaveLength(4)
  })
})
