import { fromJson } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { proofSealValid, proofText } from '@vouch/proto/seal/proof.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { draw, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme')
})
afterAll(() => fixture.close())

describe('from contract to issued invoice', () => {
  it('draws a draft whose lines and total are exact', async () => {
    const id = await draw(fixture, 'acme', 3)
    const { body } = await fixture.send('GET', `/v1/invoices/${id}`)
    expect(body).toMatchObject({
      status: 'draft',
      currency: 'EUR',
      timeZone: 'Europe/Berlin',
      // March in Berlin: an hour is lost to summer time.
      period: { from: '2026-02-28T23:00:00Z', to: '2026-03-31T22:00:00Z' },
      buyer: { id: 'acme', name: 'Customer acme' },
      total: { amount: '32.99', currency: 'EUR' },
    })
  })
})
