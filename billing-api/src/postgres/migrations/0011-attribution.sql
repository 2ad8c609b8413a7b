-- Who bears what nobody assigned by hand: facts of resources over time, and rules over them.

-- A resource has one set of attributes at an instant. What an issued invoice rests on is not changed any more;
-- the service sees to that, and the audit log holds every change.
CREATE TABLE billing.resource_attributes (
  resource   text NOT NULL CHECK (resource <> ''),
  attributes jsonb NOT NULL CHECK (jsonb_typeof(attributes) = 'object'),
  period     tstzrange NOT NULL CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)),
  created_at timestamptz NOT NULL,
  CONSTRAINT attribute_overlap EXCLUDE USING gist (resource WITH =, period WITH &&)
);

-- A set is in force until the next one's instant. It never changes; another one may take its place.
CREATE TABLE billing.attribution_rule_sets (
  version        integer PRIMARY KEY CHECK (version > 0),
  effective_from timestamptz NOT NULL UNIQUE,
  -- Canonical JSON: rules in the order in which they are asked, and the default.
  document       text NOT NULL CHECK (json_typeof(document::json) = 'object'),
  created_at     timestamptz NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.attribution_rule_sets
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.attribution_rule_sets ENABLE ALWAYS TRIGGER append_only;
