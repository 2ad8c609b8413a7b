-- How available services were to accounts: what credits for availability rest on.

CREATE TABLE billing.availability (
  account_id text NOT NULL REFERENCES billing.accounts,
  service    text NOT NULL CHECK (service <> ''),
  period     tstzrange NOT NULL CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period) AND NOT upper_inf(period)),
  -- Minutes, or requests, expected and available; decimal text.
  expected   text NOT NULL CHECK (expected ~ '^[0-9]+(\.[0-9]+)?$'),
  available  text NOT NULL CHECK (available ~ '^[0-9]+(\.[0-9]+)?$'),
  created_at timestamptz NOT NULL,
  CONSTRAINT availability_overlap EXCLUDE USING gist (account_id WITH =, service WITH =, period WITH &&)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.availability
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.availability ENABLE ALWAYS TRIGGER append_only;
