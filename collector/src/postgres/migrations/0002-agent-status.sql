-- How agents are doing, as the collector that heard of them last reports it. Replaced every few seconds:
-- room in the pages keeps these updates out of the indexes.
CREATE TABLE fleet.agent_status (
  agent_id bytea PRIMARY KEY REFERENCES fleet.agents,
  -- When the agent's last frame came. The report of the newest frame wins, whichever collector brings it.
  heard_at timestamptz NOT NULL,
  collector text NOT NULL,
  address text NOT NULL,
  agent_version text NOT NULL,
  run_id bytea NOT NULL CHECK (octet_length(run_id) = 16),
  last_sequence numeric(20) NOT NULL,
  -- Collector's clock less the agent's.
  clock_offset_ms bigint,
  newest_reading_at timestamptz,
  spooled_batches bigint,
  spooled_bytes bigint,
  spool_oldest_at timestamptz,
  -- The last batch was the one of an orderly stop.
  stopped boolean NOT NULL
) WITH (fillfactor = 50);

-- Since when an alarm stands that this agent is silent.
ALTER TABLE fleet.agents ADD COLUMN silent_since timestamptz;
