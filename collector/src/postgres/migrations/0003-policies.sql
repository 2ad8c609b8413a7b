-- Agents are in groups, and each group has its sampling policies, the newest of which is in force. Versions ascend over
-- all groups: an agent that moves to another group gets that group's policy again under a new version, for agents refuse
-- one that is older than what they have seen.
ALTER TABLE fleet.agents ADD COLUMN agent_group text NOT NULL DEFAULT 'default';
ALTER TABLE fleet.enrolment_tokens ADD COLUMN agent_group text NOT NULL DEFAULT 'default';

CREATE TABLE fleet.policies (
  version bigint PRIMARY KEY CHECK (version > 0),
  agent_group text NOT NULL,
  cadence_ms integer NOT NULL CHECK (cadence_ms > 0),
  batch_interval_ms integer NOT NULL CHECK (batch_interval_ms > 0),
  -- Empty = every source that the agent's own settings name.
  sources text[] NOT NULL,
  spool_bytes_max bigint NOT NULL CHECK (spool_bytes_max > 0),
  spool_age_max_ms bigint NOT NULL CHECK (spool_age_max_ms > 0),
  -- An agent that does not hear of it for so long goes back to its own settings.
  valid_ms bigint NOT NULL CHECK (valid_ms > 0),
  set_by text NOT NULL CHECK (set_by <> ''),
  reason text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX policies_of_group ON fleet.policies (agent_group, version DESC);
