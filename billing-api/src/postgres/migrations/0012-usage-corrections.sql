-- What persons decided about usage: signed entries that stay. One that was wrong is withdrawn by another.

CREATE TABLE billing.usage_corrections (
  correction_id uuid PRIMARY KEY,
  -- In the order of their making: entries are made one at a time.
  sequence      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  kind          text NOT NULL CHECK (kind IN ('void', 'replace', 'transfer', 'withdraw')),
  resource      text NOT NULL,
  -- Empty = all.
  meter         text NOT NULL,
  period        tstzrange NOT NULL CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period) AND NOT upper_inf(period)),
  from_account  text REFERENCES billing.accounts,
  to_account    text REFERENCES billing.accounts,
  -- An entry is withdrawn at most once.
  withdraws     uuid UNIQUE REFERENCES billing.usage_corrections,
  entered_at    timestamptz NOT NULL,
  -- The signed entry, as rating and proofs have it.
  entry         bytea NOT NULL,
  CHECK ((kind = 'transfer') = (from_account IS NOT NULL) AND (kind = 'transfer') = (to_account IS NOT NULL)),
  CHECK ((kind = 'withdraw') = (withdraws IS NOT NULL))
);
CREATE INDEX ON billing.usage_corrections USING gist (period);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.usage_corrections
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.usage_corrections ENABLE ALWAYS TRIGGER append_only;

-- The last entry that a draft was drawn with; what comes later makes it stale.
ALTER TABLE billing.invoices ADD COLUMN corrections_seen bigint NOT NULL DEFAULT 0;
