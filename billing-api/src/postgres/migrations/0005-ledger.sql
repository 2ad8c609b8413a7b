-- Double entry. An amount is signed: debit positive, credit negative; an entry sums to zero.

CREATE TABLE billing.ledger_accounts (
  code text PRIMARY KEY,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'revenue', 'expense'))
);
INSERT INTO billing.ledger_accounts VALUES
  ('receivable', 'Accounts receivable', 'asset'),
  ('revenue', 'Usage revenue', 'revenue');

CREATE TABLE billing.journal_entries (
  entry_id    uuid PRIMARY KEY,
  posted_at   timestamptz NOT NULL,
  description text NOT NULL,
  -- An invoice is posted once.
  invoice_id  uuid NOT NULL UNIQUE REFERENCES billing.invoices
);

CREATE TABLE billing.journal_postings (
  entry_id     uuid NOT NULL REFERENCES billing.journal_entries,
  ordinal      integer NOT NULL CHECK (ordinal > 0),
  code         text NOT NULL REFERENCES billing.ledger_accounts,
  -- The customer of a receivable, the item of a revenue.
  subject      text NOT NULL,
  amount_minor bigint NOT NULL,
  currency     char(3) NOT NULL,
  PRIMARY KEY (entry_id, ordinal)
);

-- Checked at commit, when the entry is whole; a posting added to an old entry is checked as well.
CREATE FUNCTION billing.check_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM billing.journal_postings WHERE entry_id = NEW.entry_id
             GROUP BY currency HAVING sum(amount_minor) <> 0)
     OR (SELECT count(*) FROM billing.journal_postings WHERE entry_id = NEW.entry_id) < 2 THEN
    RAISE EXCEPTION 'journal entry % does not balance', NEW.entry_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_balance';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balance AFTER INSERT ON billing.journal_entries
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.check_balance();
CREATE CONSTRAINT TRIGGER balance AFTER INSERT ON billing.journal_postings
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing.check_balance();

-- An issued invoice has its proof and its journal entry over the same total, or is not issued.
CREATE FUNCTION billing.check_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM billing.proofs WHERE invoice_id = NEW.invoice_id)
     OR NEW.total_minor IS DISTINCT FROM (
       SELECT sum(p.amount_minor) FROM billing.journal_entries e JOIN billing.journal_postings p USING (entry_id)
       WHERE e.invoice_id = NEW.invoice_id AND p.code = 'receivable' AND p.currency = NEW.currency)
     OR NEW.total_minor IS DISTINCT FROM (
       SELECT sum(amount_minor) FROM billing.invoice_lines WHERE invoice_id = NEW.invoice_id) THEN
    RAISE EXCEPTION 'invoice % is issued without proof, posting or matching total', NEW.invoice_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_posted';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posted AFTER UPDATE ON billing.invoices
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.issued_at IS NOT NULL)
  EXECUTE FUNCTION billing.check_issue();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.journal_entries
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.journal_postings
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.journal_entries ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE billing.journal_postings ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE billing.journal_entries ENABLE ALWAYS TRIGGER balance;
ALTER TABLE billing.journal_postings ENABLE ALWAYS TRIGGER balance;
ALTER TABLE billing.invoices ENABLE ALWAYS TRIGGER posted;
