-- Agents that are dialled, and which collector dials each. A collector holds what it took for as long as it says that it
-- lives: one row a collector is renewed, however many agents it dials.
CREATE TABLE fleet.pull_holders (
  -- A process, not a host: one that is started again holds nothing.
  holder text PRIMARY KEY,
  alive_until timestamptz NOT NULL
);

CREATE TABLE fleet.pulls (
  agent_id bytea PRIMARY KEY REFERENCES fleet.agents,
  address text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  holder text,
  -- How it goes, as the holder says: no fault while it is connected.
  connected boolean NOT NULL DEFAULT false,
  fault_code text NOT NULL DEFAULT '',
  fault_message text NOT NULL DEFAULT '',
  changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pulls_by_holder ON fleet.pulls (holder);
