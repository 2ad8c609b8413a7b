import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '@vouch/proto/kernel/fault.ts'
import { draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Answer, Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
})
afterAll(() => fixture.close())

const codes = (answers: readonly Answer[]) =>
  answers.map(({ status, body }) => (status < 300 ? status : `${body['code']}`))

const sorted = (values: readonly (string | number)[]) => values.map(String).toSorted()

describe('invoice numbers', () => {
  it('have no gap under 20 issues at once, some of which fail', async () => {
    const accounts = Array.from({ length: 20 }, (_, index) => `many-${index}`)
    for (const account of accounts) await openAccount(fixture, account)
    const ids = await Promise.all(accounts.map((account) => draw(fixture, account, 2)))
    fixture.rating.forget()
    const lost = await Promise.all(
      ids.slice(0, 5).map((id) => fixture.send('POST', `/v1/invoices/${id}/issue`)),
    )
    expect(codes(lost)).toEqual(Array(5).fill('EVIDENCE_MISSING'))
    fixture.rating.remember()
    const issued = await Promise.all(ids.map((id) => fixture.send('POST', `/v1/invoices/${id}/issue`)))
    expect(codes(issued)).toEqual(Array(20).fill(200))
    const numbers = sorted(issued.map(({ body }) => `${body['number']}`))
    expect(numbers).toEqual(ids.map((_, index) => `INV-${`${index + 1}`.padStart(6, '0')}`))
    const { rows } = await fixture.sql.query(
      'SELECT ordinal::int FROM billing.invoices WHERE issued_at IS NOT NULL ORDER BY issued_at, ordinal',
    )
    expect(rows.map(({ ordinal }) => ordinal)).toEqual(ids.map((_, index) => index + 1))
  })

  it('are given once to an invoice that is issued ten times at once', async () => {
    await openAccount(fixture, 'wanted')
    const id = await draw(fixture, 'wanted', 2)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => fixture.send('POST', `/v1/invoices/${id}/issue`)),
    )
    expect(sorted(codes(answers))).toEqual(['200', ...Array(9).fill('INVOICE_ISSUED')])
  })

  it('leave the journal balanced in every currency and equal to the invoices', async () => {
    const { rows } = await fixture.sql.query(`
      SELECT (SELECT count(*) FROM billing.journal_entries)::int AS entries,
             (SELECT count(*) FROM billing.invoices WHERE issued_at IS NOT NULL)::int AS issued,
             (SELECT sum(amount_minor) FROM billing.journal_postings)::int AS balance,
             (SELECT sum(amount_minor) FROM billing.journal_postings WHERE code = 'receivable')::int AS owed,
             (SELECT sum(total_minor) FROM billing.invoices WHERE issued_at IS NOT NULL)::int AS billed`)
    expect(rows[0]).toMatchObject({ entries: 21, issued: 21, balance: 0 })
    expect(rows[0].owed).toBe(rows[0].billed)
  })
})

describe('Idempotency-Key', () => {
  const account = { id: 'once', name: 'Once', timeZone: 'UTC' }

  it('answers the same request the same, and does it once', async () => {
    const options = { idempotencyKey: 'key-1' }
    const first = await fixture.send('POST', '/v1/accounts', account, options)
    const second = await fixture.send('POST', '/v1/accounts', { ...account }, options)
    expect(second.body).toEqual(first.body)
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ])
  })

  it('refuses another body, path or method under a used key, and the same key of another caller is another', async () => {
    const options = { idempotencyKey: 'key-1' }
    const other = await fixture.key(['write'])
    const answers = [
      await fixture.send('POST', '/v1/accounts', { ...account, name: 'Other' }, options),
      await fixture.send('POST', '/v1/invoice-runs', { month: { year: 2026, month: 1 } }, options),
      await fixture.send('POST', '/v1/accounts', account, { ...options, secret: other }),
    ]
    expect(codes(answers)).toEqual(['IDEMPOTENCY_MISMATCH', 'IDEMPOTENCY_MISMATCH', 'ALREADY_EXISTS'])
  })

  it('does one of ten equal requests at once', async () => {
    const options = { idempotencyKey: 'key-2' }
    const body = { ...account, id: 'twice' }
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => fixture.send('POST', '/v1/accounts', body, options)),
    )
    for (const code of codes(answers)) expect([201, 'IDEMPOTENCY_IN_PROGRESS']).toContain(code)
    expect(codes(answers)).toContain(201)
    const later = Array.from({ length: 10 }, () => fixture.send('POST', '/v1/accounts', body, options))
    expect(codes(await Promise.all(later))).toEqual(Array(10).fill(201))
  })

  it('says so while the first request still runs', async () => {
    await openAccount(fixture, 'slow')
    let open = () => undefined as void
    fixture.rating.gate = new Promise((resolve) => {
      open = resolve
    })
    const body = { account: 'slow', month: { year: 2026, month: 2 } }
    const options = { idempotencyKey: 'key-3' }
    const first = fixture.send('POST', '/v1/invoice-runs', body, options)
    await expect.poll(() => fixture.rating.requests.at(-1)?.assignments[0]?.resource).toBe('host:slow')
    const second = await fixture.send('POST', '/v1/invoice-runs', body, options)
    open()
    fixture.rating.gate = undefined
    expect(codes([second, await first])).toEqual(['IDEMPOTENCY_IN_PROGRESS', 200])
  })

  it('forgets a failure: the same request may succeed later', async () => {
    await openAccount(fixture, 'patient')
    const body = { account: 'patient', month: { year: 2026, month: 2 } }
    const options = { idempotencyKey: 'key-4' }
    fixture.rating.fault = fail('STORE_UNAVAILABLE', 'ClickHouse rests').fault
    const refused = await fixture.send('POST', '/v1/invoice-runs', body, options)
    fixture.rating.fault = undefined
    expect(codes([refused, await fixture.send('POST', '/v1/invoice-runs', body, options)])).toEqual([
      'STORE_UNAVAILABLE',
      200,
    ])
  })
})

describe('many writes that wait for rating', () => {
  it('leave reading and readiness as they are', async () => {
    const accounts = Array.from({ length: 12 }, (_, index) => `waits-${index}`)
    for (const account of accounts) await openAccount(fixture, account)
    let open = () => undefined as void
    fixture.rating.gate = new Promise((resolve) => {
      open = resolve
    })
    const month = { year: 2026, month: 2 }
    const runs = accounts.map((account) => fixture.send('POST', '/v1/invoice-runs', { account, month }))
    const before = fixture.rating.requests.length
    await expect.poll(() => fixture.rating.requests.length).toBeGreaterThan(before + 2)
    const reads = Promise.all(['/readyz', '/v1/accounts'].map((path) => fixture.send('GET', path)))
    const patience = new Promise<'late'>((resolve) => setTimeout(resolve, 2000, 'late'))
    const answers = await Promise.race([reads, patience])
    open()
    fixture.rating.gate = undefined
    expect(codes(await Promise.all(runs))).toEqual(Array(12).fill(200))
    expect(answers === 'late' ? answers : codes(answers)).toEqual([200, 200])
  })
})

describe('a write whose connection breaks while it waits for rating', () => {
  it('changes nothing, says so, and can be sent again', async () => {
    await openAccount(fixture, 'broken')
    let open = () => undefined as void
    fixture.rating.gate = new Promise((resolve) => {
      open = resolve
    })
    const body = { account: 'broken', month: { year: 2026, month: 2 } }
    const options = { idempotencyKey: 'key-broken' }
    const first = fixture.send('POST', '/v1/invoice-runs', body, options)
    await expect.poll(() => fixture.rating.requests.at(-1)?.assignments[0]?.resource).toBe('host:broken')
    await fixture.owner.query(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'vouch-billing' AND datname = current_database()",
    )
    open()
    fixture.rating.gate = undefined
    const second = async () => codes([await fixture.send('POST', '/v1/invoice-runs', body, options)])
    expect([codes([await first]), await second()]).toEqual([['STORE_UNAVAILABLE'], [200]])
  })
})

describe('overlap', () => {
  it('of contracts is refused, also when twelve come at once', async () => {
    await fixture.send('POST', '/v1/accounts', { id: 'crowd', name: 'Crowd', timeZone: 'UTC' })
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, day) =>
        fixture.send('POST', '/v1/contracts', {
          account: 'crowd',
          tariff: { id: 'standard' },
          period: { from: `2026-01-${`${day + 1}`.padStart(2, '0')}T00:00:00Z`, to: '2026-03-01T00:00:00Z' },
        }),
      ),
    )
    expect(sorted(codes(answers))).toEqual(['201', ...Array(11).fill('CONTRACT_OVERLAP')])
    const beside = { from: '2026-03-01T00:00:00Z' }
    const next = await fixture.send('POST', '/v1/contracts', {
      account: 'crowd',
      tariff: { id: 'standard' },
      period: beside,
    })
    expect(next.status).toBe(201)
  })

  it('of assignments is refused for the same resource, one above and one below, whoever asks', async () => {
    await fixture.send('POST', '/v1/accounts', { id: 'rival', name: 'Rival', timeZone: 'UTC' })
    const period = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' }
    const assign = (account: string, resource: string, span: object = period) =>
      fixture.send('POST', '/v1/assignments', { account, resource, period: span })
    const answers = [
      await assign('crowd', 'rack:1/host:a'),
      await assign('rival', 'rack:1/host:a'),
      await assign('rival', 'rack:1/host:a/disk:vda'),
      await assign('rival', 'rack:1'),
      await assign('rival', 'rack:1/host:b'),
      await assign('rival', 'rack:1/host:ab'),
      await assign('crowd', 'rack:1/host:b/disk:vda'),
      await assign('rival', 'rack:1', { from: '2026-02-01T00:00:00Z' }),
      await assign('crowd', 'rack:1/host:a', { from: '2026-02-01T00:00:00Z' }),
    ]
    const refused = 'ASSIGNMENT_OVERLAP'
    expect(codes(answers)).toEqual([201, refused, refused, refused, 201, 201, refused, 201, refused])
  })

  it('of a tree is refused when all of it is asked for at once', async () => {
    const period = { from: '2026-01-01T00:00:00Z' }
    const resources = ['dc:1', 'dc:1/rack:1', 'dc:1/rack:1/host:a', 'dc:1/rack:1/host:a/disk:vda']
    const answers = await Promise.all(
      resources.map((resource) =>
        fixture.send('POST', '/v1/assignments', { account: 'rival', resource, period }),
      ),
    )
    expect(sorted(codes(answers))).toEqual(['201', ...Array(3).fill('ASSIGNMENT_OVERLAP')])
  })

  it('is judged by the end that an assignment has when its turn comes, not by the one seen before', async () => {
    await openAccount(fixture, 'mover')
    const { body } = await fixture.send('GET', '/v1/assignments?limit=200')
    const { id } = list(body['items']).find((item) => item['resource'] === 'host:mover')!
    const other = await fixture.owner.connect()
    await other.query('BEGIN')
    await other.query("SELECT FROM billing.accounts WHERE account_id = 'mover' FOR UPDATE")
    const later = fixture.send('POST', `/v1/assignments/${id!}/end`, { to: '2026-03-01T00:00:00Z' })
    await expect.poll(() => waiting(fixture)).toBe(true)
    await other.query(
      "UPDATE billing.assignments SET period = tstzrange(lower(period), '2026-02-01Z') WHERE assignment_id = $1",
      [id],
    )
    await other.query('COMMIT')
    other.release()
    expect(codes([await later])).toEqual(['FIELD_INVALID'])
  })

  it('ends with the end of a contract or assignment', async () => {
    await openAccount(fixture, 'leaver')
    const { body } = await fixture.send('GET', '/v1/assignments?limit=200')
    const mine = list(body['items']).find((item) => item['resource'] === 'host:leaver')!
    const end = (to: string) => fixture.send('POST', `/v1/assignments/${mine['id']!}/end`, { to })
    expect(codes([await end('2026-02-01T00:00:00Z')])).toEqual([200])
    expect(codes([await end('2026-03-01T00:00:00Z')])).toEqual(['FIELD_INVALID'])
    const taken = { account: 'rival', resource: 'host:leaver', period: { from: '2026-02-01T00:00:00Z' } }
    expect(codes([await fixture.send('POST', '/v1/assignments', taken)])).toEqual([201])
  })
})

/** Whether a statement waits for somebody else's lock. */
async function waiting({ sql }: Fixture): Promise<boolean> {
  const { rows } = await sql.query(
    'SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())' +
      " OR NOT granted AND locktype = 'transactionid'",
  )
  return rows.length > 0
}
