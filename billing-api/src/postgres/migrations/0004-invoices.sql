-- Drafts come and go; an issued invoice is a document: numbered without gaps, never changed.

CREATE TABLE billing.number_series (
  series text PRIMARY KEY,
  last   bigint NOT NULL CHECK (last >= 0)
);
INSERT INTO billing.number_series VALUES ('INV', 0);
CREATE TRIGGER by_trigger BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.number_series
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_by_hand();
ALTER TABLE billing.number_series ENABLE ALWAYS TRIGGER by_trigger;

CREATE TABLE billing.invoices (
  invoice_id  uuid PRIMARY KEY,
  account_id  text NOT NULL REFERENCES billing.accounts,
  buyer_name  text NOT NULL,
  seller_id   text NOT NULL,
  seller_name text NOT NULL,
  currency    char(3) NOT NULL,
  period      tstzrange NOT NULL CHECK (NOT isempty(period) AND NOT upper_inf(period)),
  time_zone   text NOT NULL,
  total_minor bigint NOT NULL,
  created_at  timestamptz NOT NULL,
  series      text REFERENCES billing.number_series,
  ordinal     bigint CHECK (ordinal > 0),
  issued_at   timestamptz,
  UNIQUE (series, ordinal),
  -- Usage of one instant is billed once.
  CONSTRAINT invoice_overlap EXCLUDE USING gist (account_id WITH =, currency WITH =, period WITH &&),
  CHECK (num_nulls(series, ordinal, issued_at) IN (0, 3))
);
CREATE INDEX ON billing.invoices (account_id, invoice_id);

CREATE TABLE billing.invoice_lines (
  invoice_id     uuid NOT NULL REFERENCES billing.invoices ON DELETE CASCADE,
  line_number    integer NOT NULL CHECK (line_number > 0),
  description    text NOT NULL,
  tariff_id      text NOT NULL,
  tariff_version integer NOT NULL,
  item_id        text NOT NULL,
  amount_minor   bigint NOT NULL,
  -- vouch.rating.v1.Charge, encoded: quantity, price, amount, trace and evidence as rating gave them.
  charge         bytea NOT NULL,
  PRIMARY KEY (invoice_id, line_number),
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs
);

CREATE TABLE billing.proofs (
  invoice_id uuid PRIMARY KEY REFERENCES billing.invoices,
  sha256     bytea NOT NULL CHECK (sha256 = pg_catalog.sha256(body)),
  -- The proof's text, UTF-8.
  body       bytea NOT NULL
);

CREATE FUNCTION billing.keep_issued_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.issued_at IS NOT NULL THEN
    RAISE EXCEPTION 'invoice % is issued', OLD.invoice_id USING ERRCODE = 'restrict_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{series,ordinal,issued_at}'::text[]
                          IS DISTINCT FROM to_jsonb(OLD) - '{series,ordinal,issued_at}'::text[] THEN
    RAISE EXCEPTION 'a draft changes only by being issued or drawn anew' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_issued BEFORE UPDATE OR DELETE ON billing.invoices
  FOR EACH ROW EXECUTE FUNCTION billing.keep_issued_invoice();

CREATE FUNCTION billing.keep_issued_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION 'invoice lines do not change' USING ERRCODE = 'restrict_violation';
  END IF;
  IF EXISTS (SELECT FROM billing.invoices
             WHERE invoice_id = CASE TG_OP WHEN 'DELETE' THEN OLD.invoice_id ELSE NEW.invoice_id END
               AND issued_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the invoice of this line is issued' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_issued BEFORE INSERT OR UPDATE OR DELETE ON billing.invoice_lines
  FOR EACH ROW EXECUTE FUNCTION billing.keep_issued_line();

-- A number is the one after the last, so a gap cannot be made by hand either.
CREATE FUNCTION billing.follow_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE billing.number_series SET last = NEW.ordinal WHERE series = NEW.series AND last = NEW.ordinal - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'number % does not follow the last of series %', NEW.ordinal, NEW.series
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER follow_number BEFORE UPDATE ON billing.invoices
  FOR EACH ROW WHEN (OLD.ordinal IS NULL AND NEW.ordinal IS NOT NULL) EXECUTE FUNCTION billing.follow_number();
CREATE FUNCTION billing.refuse_born_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an invoice starts as a draft' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER born_draft BEFORE INSERT ON billing.invoices
  FOR EACH ROW WHEN (NEW.ordinal IS NOT NULL) EXECUTE FUNCTION billing.refuse_born_issued();

CREATE TRIGGER no_truncate BEFORE TRUNCATE ON billing.invoices
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON billing.invoice_lines
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.proofs
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.invoices ENABLE ALWAYS TRIGGER keep_issued;
ALTER TABLE billing.invoices ENABLE ALWAYS TRIGGER follow_number;
ALTER TABLE billing.invoices ENABLE ALWAYS TRIGGER born_draft;
ALTER TABLE billing.invoices ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE billing.invoice_lines ENABLE ALWAYS TRIGGER keep_issued;
ALTER TABLE billing.invoice_lines ENABLE ALWAYS TRIGGER no_truncate;
ALTER TABLE billing.proofs ENABLE ALWAYS TRIGGER append_only;
