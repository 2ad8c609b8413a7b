-- A tariff is a list of rules over catalogue items. What a draft was computed from is kept with it, byte for byte.

ALTER TABLE billing.tariffs
  ADD COLUMN rounding_stage text NOT NULL DEFAULT 'line' CHECK (rounding_stage IN ('line', 'document'));

CREATE TABLE billing.tariff_items (
  tariff_id      text NOT NULL,
  tariff_version integer NOT NULL,
  ordinal        integer NOT NULL CHECK (ordinal >= 0),
  item_id        text NOT NULL,
  item_version   integer NOT NULL,
  PRIMARY KEY (tariff_id, tariff_version, ordinal),
  UNIQUE (tariff_id, tariff_version, item_id),
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs,
  FOREIGN KEY (item_id, item_version) REFERENCES billing.items
);

CREATE TABLE billing.tariff_rules (
  tariff_id      text NOT NULL,
  tariff_version integer NOT NULL,
  ordinal        integer NOT NULL CHECK (ordinal >= 0),
  -- A JSON object with its members in ascending order: its spelling is part of the tariff, and of the proof.
  rule           text NOT NULL CHECK (jsonb_typeof(rule::jsonb) = 'object'),
  PRIMARY KEY (tariff_id, tariff_version, ordinal),
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs
);

-- Prices of before: a rule each, which prices every resource by itself.
INSERT INTO billing.tariff_items
SELECT tariff_id, tariff_version, ordinal, item_id, item_version FROM billing.tariff_prices;
INSERT INTO billing.tariff_rules
SELECT tariff_id, tariff_version, ordinal,
       format('{"id":%1$s,"item":%1$s,"kind":"usage","per":"resource","price":{"model":"per-unit","unitPrice":%2$s}}',
              to_json(item_id), to_json(unit_price))
FROM billing.tariff_prices;
DROP TABLE billing.tariff_prices;

CREATE TRIGGER published BEFORE INSERT ON billing.tariff_items
  FOR EACH ROW EXECUTE FUNCTION billing.refuse_late_price();
CREATE TRIGGER published BEFORE INSERT ON billing.tariff_rules
  FOR EACH ROW EXECUTE FUNCTION billing.refuse_late_price();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.tariff_items
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.tariff_rules
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.tariff_items ENABLE ALWAYS TRIGGER published;
ALTER TABLE billing.tariff_rules ENABLE ALWAYS TRIGGER published;
ALTER TABLE billing.tariff_items ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE billing.tariff_rules ENABLE ALWAYS TRIGGER append_only;

-- Drafts of before have no snapshot; they are drawn anew.
DELETE FROM billing.invoices WHERE issued_at IS NULL;

-- A stretch under one tariff: what was measured, frozen; the same snapshot and tariff give the same lines for ever.
CREATE TABLE billing.invoice_statements (
  invoice_id       uuid NOT NULL REFERENCES billing.invoices ON DELETE CASCADE,
  ordinal          integer NOT NULL CHECK (ordinal >= 0),
  tariff_id        text NOT NULL,
  tariff_version   integer NOT NULL,
  -- vouch.rating.v1.Snapshot, encoded.
  snapshot         bytea NOT NULL,
  sha256           bytea NOT NULL CHECK (sha256 = pg_catalog.sha256(snapshot)),
  -- vouch.rating.v1.Unpriced, each encoded.
  unpriced         bytea[] NOT NULL,
  -- The statement of an issued invoice that this one corrects.
  corrects         uuid,
  corrects_ordinal integer,
  PRIMARY KEY (invoice_id, ordinal),
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs,
  FOREIGN KEY (corrects, corrects_ordinal) REFERENCES billing.invoice_statements,
  CHECK (num_nulls(corrects, corrects_ordinal) IN (0, 2))
);
CREATE INDEX ON billing.invoice_statements (corrects, corrects_ordinal);
CREATE TRIGGER keep_issued BEFORE INSERT OR UPDATE OR DELETE ON billing.invoice_statements
  FOR EACH ROW EXECUTE FUNCTION billing.keep_issued_line();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON billing.invoice_statements
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.invoice_statements ENABLE ALWAYS TRIGGER keep_issued;
ALTER TABLE billing.invoice_statements ENABLE ALWAYS TRIGGER no_truncate;

-- Lines of before have their usage in their charge, and no statement.
ALTER TABLE billing.invoice_lines ADD COLUMN statement integer;
ALTER TABLE billing.invoice_lines
  ADD FOREIGN KEY (invoice_id, statement) REFERENCES billing.invoice_statements ON DELETE CASCADE;

-- What prices may depend on, such as class or region.
ALTER TABLE billing.assignments
  ADD COLUMN dimensions jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(dimensions) = 'object');

