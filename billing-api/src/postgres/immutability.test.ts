import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
let issued: string
let draft: string
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  await openAccount(fixture, 'acme')
  issued = await draw(fixture, 'acme', 2)
  await fixture.send('POST', `/v1/invoices/${issued}/issue`)
  draft = await draw(fixture, 'acme', 3)
})
afterAll(() => fixture.close())

/** Runs as the role that the service itself uses, outside of the service. */
const refusal = (statement: string, sql = fixture.sql) =>
  sql.query(statement.replaceAll(':issued', `'${issued}'`).replaceAll(':draft', `'${draft}'`)).then(
    (result) => `done: ${result.rowCount}`,
    (error: unknown) => (error instanceof pg.DatabaseError ? error.code : String(error)),
  )

describe('what is written stays written', () => {
  it.each([
    'UPDATE billing.invoices SET total_minor = total_minor + 1 WHERE invoice_id = :issued',
    "UPDATE billing.invoices SET buyer_name = 'Other' WHERE invoice_id = :issued",
    'UPDATE billing.invoices SET series = NULL, ordinal = NULL, issued_at = NULL WHERE invoice_id = :issued',
    'DELETE FROM billing.invoices WHERE invoice_id = :issued',
    'UPDATE billing.invoice_lines SET amount_minor = 1 WHERE invoice_id = :issued',
    "UPDATE billing.invoice_lines SET charge = '' WHERE invoice_id = :issued",
    `UPDATE billing.invoice_lines SET cost_centres = '[{"minor": "895"}]' WHERE invoice_id = :issued`,
    'DELETE FROM billing.invoice_lines WHERE invoice_id = :issued',
    `INSERT INTO billing.invoice_lines SELECT invoice_id, 99, description, tariff_id, tariff_version, item_id,
       amount_minor, charge FROM billing.invoice_lines WHERE invoice_id = :issued AND line_number = 1`,
    'UPDATE billing.invoice_lines SET invoice_id = :draft, line_number = 50 WHERE invoice_id = :issued',
    "UPDATE billing.proofs SET body = 'x'",
    'DELETE FROM billing.proofs',
    'UPDATE billing.journal_postings SET amount_minor = 0',
    'DELETE FROM billing.journal_postings',
    'DELETE FROM billing.journal_entries',
    "UPDATE billing.tariff_rules SET rule = '{}'",
    'DELETE FROM billing.tariff_rules',
    `INSERT INTO billing.tariff_rules SELECT tariff_id, tariff_version, 9, rule FROM billing.tariff_rules WHERE ordinal = 0`,
    'UPDATE billing.tariff_items SET item_version = 1',
    'DELETE FROM billing.tariff_items',
    `INSERT INTO billing.tariff_items SELECT tariff_id, tariff_version, 9, item_id, item_version
       FROM billing.tariff_items WHERE ordinal = 0`,
    "UPDATE billing.invoice_statements SET snapshot = '', sha256 = sha256('') WHERE invoice_id = :issued",
    'DELETE FROM billing.invoice_statements WHERE invoice_id = :issued',
    `INSERT INTO billing.invoice_statements SELECT invoice_id, 9, tariff_id, tariff_version, snapshot, sha256, unpriced
       FROM billing.invoice_statements WHERE invoice_id = :issued`,
    "UPDATE billing.tariffs SET currency = 'USD'",
    "UPDATE billing.items SET unit = 'core-second'",
    "UPDATE billing.audit_log SET record = '{}'",
    'DELETE FROM billing.audit_log WHERE sequence = 1',
    'UPDATE billing.audit_head SET sequence = 0',
    'UPDATE billing.number_series SET last = 41',
    'DELETE FROM billing.number_series',
    "INSERT INTO billing.audit_log VALUES (1000, '{}', 'x', sha256('x{}'))",
    `INSERT INTO billing.audit_log SELECT sequence + 1, '{}', '\\x00', sha256('\\x00'::bytea || '{}'::bytea) FROM billing.audit_head`,
  ])('%s', async (statement) => {
    // 23001 restrict_violation
    expect(await refusal(statement)).toBe('23001')
  })

  it.each([
    'TRUNCATE billing.audit_log',
    'TRUNCATE billing.invoices CASCADE',
    'DROP TABLE billing.proofs',
    'ALTER TABLE billing.invoices DISABLE TRIGGER keep_issued',
    'DROP TRIGGER keep_issued ON billing.invoices',
    'CREATE OR REPLACE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE sql AS $$ SELECT NULL $$',
    "SET session_replication_role = 'replica'",
  ])('and the service may not: %s', async (statement) => {
    // 42501 insufficient_privilege
    expect(await refusal(statement)).toBe('42501')
  })

  it.each([
    'TRUNCATE billing.audit_log',
    'TRUNCATE billing.invoices CASCADE',
    'TRUNCATE billing.invoice_lines',
    'TRUNCATE billing.journal_entries CASCADE',
    'TRUNCATE billing.tariffs CASCADE',
    'DELETE FROM billing.proofs',
    "SET session_replication_role = 'replica'; DELETE FROM billing.invoices WHERE invoice_id = :issued",
  ])('nor can its owner by mistake: %s', async (statement) => {
    expect(await refusal(statement, fixture.owner)).toBe('23001')
  })

  it.each([
    'UPDATE billing.invoices SET total_minor = 1 WHERE invoice_id = :draft',
    "UPDATE billing.invoices SET series = 'INV', ordinal = 3, issued_at = now() WHERE invoice_id = :draft",
    `INSERT INTO billing.invoices SELECT gen_random_uuid(), account_id, buyer_name, seller_id, seller_name, 'USD',
       period, time_zone, total_minor, created_at, 'INV', 2, now() FROM billing.invoices WHERE invoice_id = :draft`,
  ])('a draft cannot be bent into an invoice: %s', async (statement) => {
    expect(await refusal(statement)).toBe('23001')
  })

  it('an issue without proof and posting does not commit', async () => {
    const statement =
      "UPDATE billing.invoices SET series = 'INV', ordinal = 2, issued_at = now() WHERE invoice_id = :draft"
    expect(await refusal(statement)).toBe('23514')
  })

  it('an unbalanced entry does not commit, nor does a posting added to an old one', async () => {
    const entry = `INSERT INTO billing.journal_entries VALUES (gen_random_uuid(), now(), 'x', :draft)`
    expect(await refusal(entry)).toBe('23514')
    const posting = `INSERT INTO billing.journal_postings
      SELECT entry_id, 99, 'receivable', 'acme', 1, 'EUR' FROM billing.journal_entries`
    expect(await refusal(posting)).toBe('23514')
  })

  it('a second series of attempts finds everything as it was', async () => {
    const { body } = await fixture.send('GET', `/v1/invoices/${issued}`)
    expect(body).toMatchObject({ number: 'INV-000001', total: { amount: '29.86' } })
    const next = await fixture.send('POST', `/v1/invoices/${draft}/issue`)
    expect(next.body['number']).toBe('INV-000002')
  })
})
