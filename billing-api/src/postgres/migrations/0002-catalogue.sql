-- What is sold, at which price. Versions are never changed: a change is a new version.

CREATE TABLE billing.items (
  item_id        text NOT NULL,
  version        integer NOT NULL CHECK (version > 0),
  name           text NOT NULL CHECK (name <> ''),
  meter          text NOT NULL,
  unit           text NOT NULL,
  rounding_mode  text NOT NULL,
  rounding_scale integer NOT NULL CHECK (rounding_scale BETWEEN 0 AND 18),
  created_at     timestamptz NOT NULL,
  PRIMARY KEY (item_id, version)
);

CREATE TABLE billing.tariffs (
  tariff_id       text NOT NULL,
  version         integer NOT NULL CHECK (version > 0),
  currency        char(3) NOT NULL,
  amount_rounding text NOT NULL,
  published_at    timestamptz NOT NULL,
  PRIMARY KEY (tariff_id, version)
);

CREATE TABLE billing.tariff_prices (
  tariff_id      text NOT NULL,
  tariff_version integer NOT NULL,
  ordinal        integer NOT NULL CHECK (ordinal >= 0),
  item_id        text NOT NULL,
  item_version   integer NOT NULL,
  -- Decimal text: its spelling is part of the tariff, and of the proof.
  unit_price     text NOT NULL CHECK (unit_price ~ '^-?[0-9]+(\.[0-9]+)?$'),
  PRIMARY KEY (tariff_id, tariff_version, ordinal),
  UNIQUE (tariff_id, tariff_version, item_id),
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs,
  FOREIGN KEY (item_id, item_version) REFERENCES billing.items
);

-- A version takes its prices in the transaction that publishes it, and none later.
CREATE FUNCTION billing.refuse_late_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM billing.tariffs
    WHERE tariff_id = NEW.tariff_id AND version = NEW.tariff_version
      AND xmin::text::bigint = (pg_current_xact_id()::text::bigint & 4294967295)
  ) THEN
    RAISE EXCEPTION 'tariff % version % is published', NEW.tariff_id, NEW.tariff_version
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER published BEFORE INSERT ON billing.tariff_prices
  FOR EACH ROW EXECUTE FUNCTION billing.refuse_late_price();
ALTER TABLE billing.tariff_prices ENABLE ALWAYS TRIGGER published;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.items
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.tariffs
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.tariff_prices
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.items ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE billing.tariffs ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE billing.tariff_prices ENABLE ALWAYS TRIGGER append_only;
