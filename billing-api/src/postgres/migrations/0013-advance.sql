-- Fees in advance: a statement of a stretch that begins after the invoice's period, or that gives such fees back.

-- Where the stretch begins; null = the statement is of what the invoice covers, or corrects what another one covered.
ALTER TABLE billing.invoice_statements ADD COLUMN advance_from timestamptz;
CREATE INDEX ON billing.invoice_statements (invoice_id) WHERE advance_from IS NOT NULL;
