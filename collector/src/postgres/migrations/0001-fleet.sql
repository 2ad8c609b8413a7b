-- Agents, their keys, enrolment tokens, and the keys that sign receipts and policies.
CREATE TABLE fleet.agents (
  agent_id bytea PRIMARY KEY CHECK (octet_length(agent_id) = 16),
  label text NOT NULL,
  resource text NOT NULL,
  agent_version text NOT NULL,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'revoked', 'quarantined')),
  reason text NOT NULL DEFAULT '',
  enrolled_at timestamptz NOT NULL DEFAULT now(),
  barred_at timestamptz,
  last_seen_at timestamptz,
  CHECK ((state = 'active') = (barred_at IS NULL))
);

-- A key belongs to one agent for ever; at most one of an agent's keys is in force.
CREATE TABLE fleet.agent_keys (
  key_id bytea PRIMARY KEY CHECK (octet_length(key_id) = 16),
  agent_id bytea NOT NULL REFERENCES fleet.agents,
  public_key bytea NOT NULL UNIQUE CHECK (octet_length(public_key) = 32),
  valid_from timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX agent_keys_in_force ON fleet.agent_keys (agent_id) WHERE retired_at IS NULL;
CREATE INDEX agent_keys_by_agent ON fleet.agent_keys (agent_id);

-- Only hashes: whoever reads this table can enrol nothing.
CREATE TABLE fleet.enrolment_tokens (
  token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  label text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  spent_at timestamptz,
  spent_by bytea REFERENCES fleet.agents,
  CHECK ((spent_at IS NULL) = (spent_by IS NULL))
);

CREATE TABLE fleet.collector_keys (
  key_id bytea PRIMARY KEY CHECK (octet_length(key_id) = 16),
  seed bytea NOT NULL CHECK (octet_length(seed) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  retired_at timestamptz
);
CREATE UNIQUE INDEX collector_keys_in_force ON fleet.collector_keys ((true)) WHERE retired_at IS NULL;
