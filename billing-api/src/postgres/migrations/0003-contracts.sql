-- Who pays, under which tariff, for which resources. Periods are half-open; no end = infinity.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA billing;

CREATE TABLE billing.accounts (
  account_id text PRIMARY KEY,
  name       text NOT NULL CHECK (name <> ''),
  time_zone  text NOT NULL,
  created_at timestamptz NOT NULL
);

-- At any instant an account has one contract at most.
CREATE TABLE billing.contracts (
  contract_id    uuid PRIMARY KEY,
  account_id     text NOT NULL REFERENCES billing.accounts,
  tariff_id      text NOT NULL,
  tariff_version integer NOT NULL,
  period         tstzrange NOT NULL CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)),
  created_at     timestamptz NOT NULL,
  FOREIGN KEY (tariff_id, tariff_version) REFERENCES billing.tariffs,
  CONSTRAINT contract_overlap EXCLUDE USING gist (account_id WITH =, period WITH &&)
);

CREATE TABLE billing.assignments (
  assignment_id uuid PRIMARY KEY,
  ordinal       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  account_id    text NOT NULL REFERENCES billing.accounts,
  resource      text NOT NULL,
  period        tstzrange NOT NULL CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)),
  created_at    timestamptz NOT NULL
);

-- An assignment of a/b/c also takes everything below it, so at one time nobody may hold a/b/c
-- itself, anything above it, or anything below it. Each assignment therefore marks its own path with
-- the unbounded range, and each path above with a range of its own ordinal: two ranges on one path
-- meet unless both assignments only pass through it.
CREATE TABLE billing.assignment_paths (
  assignment_id uuid NOT NULL REFERENCES billing.assignments ON DELETE CASCADE,
  path          text NOT NULL,
  mark          int8range NOT NULL,
  period        tstzrange NOT NULL,
  CONSTRAINT assignment_overlap EXCLUDE USING gist (path WITH =, mark WITH &&, period WITH &&)
);
CREATE INDEX ON billing.assignment_paths (assignment_id);

CREATE FUNCTION billing.mark_paths() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  segments text[] := string_to_array(NEW.resource, '/');
BEGIN
  DELETE FROM billing.assignment_paths WHERE assignment_id = NEW.assignment_id;
  INSERT INTO billing.assignment_paths (assignment_id, path, mark, period)
  SELECT NEW.assignment_id,
         array_to_string(segments[1:depth], '/'),
         CASE WHEN depth = cardinality(segments) THEN int8range(NULL, NULL)
              ELSE int8range(NEW.ordinal, NEW.ordinal, '[]') END,
         NEW.period
  FROM generate_series(1, cardinality(segments)) AS depth;
  RETURN NULL;
END $$;
CREATE TRIGGER mark_paths AFTER INSERT OR UPDATE ON billing.assignments
  FOR EACH ROW EXECUTE FUNCTION billing.mark_paths();
