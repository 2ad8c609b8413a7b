-- Who accepted a draft whose lines are held for review, and why. Drawn anew, a draft has to be looked at again.

CREATE TABLE billing.releases (
  invoice_id  uuid PRIMARY KEY REFERENCES billing.invoices ON DELETE CASCADE,
  released_at timestamptz NOT NULL,
  -- The API key that did.
  actor       text NOT NULL,
  reason      text NOT NULL CHECK (reason <> '')
);
CREATE TRIGGER keep_issued BEFORE INSERT OR UPDATE OR DELETE ON billing.releases
  FOR EACH ROW EXECUTE FUNCTION billing.keep_issued_line();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON billing.releases
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.releases ENABLE ALWAYS TRIGGER keep_issued;
ALTER TABLE billing.releases ENABLE ALWAYS TRIGGER no_truncate;
