-- Who may call, what was already answered, and what was done.

-- Some rows are history: nobody changes them, whatever program asks.
CREATE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

-- Ends of chains and series move only by the triggers that extend them.
CREATE FUNCTION billing.refuse_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION '%.% follows other tables', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TABLE billing.api_keys (
  id          uuid PRIMARY KEY,
  name        text NOT NULL CHECK (name <> ''),
  -- SHA-256 of a 256-bit random secret: no salt or stretching is needed.
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  scopes      text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'write', 'issue', 'admin'] AND cardinality(scopes) > 0),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz,
  revoked_at  timestamptz
);

CREATE TABLE billing.idempotency_keys (
  api_key_id  uuid NOT NULL REFERENCES billing.api_keys,
  key         text NOT NULL CHECK (key <> ''),
  body_hash   bytea NOT NULL CHECK (octet_length(body_hash) = 32),
  status      integer NOT NULL,
  response    text NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (api_key_id, key)
);
CREATE INDEX ON billing.idempotency_keys (created_at);

-- Each row's hash covers the row before it: SHA-256(previous || record).
CREATE TABLE billing.audit_log (
  sequence bigint PRIMARY KEY CHECK (sequence > 0),
  -- Canonical JSON of sequence, time, actor, action, subject and detail.
  record   text NOT NULL CHECK (jsonb_typeof(record::jsonb) = 'object'),
  previous bytea NOT NULL,
  hash     bytea NOT NULL UNIQUE CHECK (hash = sha256(previous || convert_to(record, 'UTF8'))),
  UNIQUE (previous)
);

-- One row, locked by each writer: the chain has one end.
CREATE TABLE billing.audit_head (
  one      boolean PRIMARY KEY DEFAULT true CHECK (one),
  sequence bigint NOT NULL,
  hash     bytea NOT NULL
);
INSERT INTO billing.audit_head (sequence, hash) VALUES (0, sha256('vouch/audit/v1'));

CREATE TRIGGER by_trigger BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON billing.audit_head
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_by_hand();
ALTER TABLE billing.audit_head ENABLE ALWAYS TRIGGER by_trigger;

CREATE FUNCTION billing.follow_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE billing.audit_head SET sequence = NEW.sequence, hash = NEW.hash
    WHERE sequence = NEW.sequence - 1 AND hash = NEW.previous;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'audit row % does not follow the last one', NEW.sequence USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER follow_chain BEFORE INSERT ON billing.audit_log
  FOR EACH ROW EXECUTE FUNCTION billing.follow_chain();
ALTER TABLE billing.audit_log ENABLE ALWAYS TRIGGER follow_chain;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change();
ALTER TABLE billing.audit_log ENABLE ALWAYS TRIGGER append_only;
