-- An agent's life may end in order: after its last batch, whose digest is kept. Silence from then on is no gap.
ALTER TABLE fleet.agents DROP CONSTRAINT agents_state_check;
ALTER TABLE fleet.agents ADD CONSTRAINT agents_state_check
  CHECK (state IN ('active', 'revoked', 'quarantined', 'decommissioned'));
ALTER TABLE fleet.agents ADD COLUMN last_digest bytea;

-- Two agents for one resource are looked for at every enrolment.
CREATE INDEX agents_resource ON fleet.agents (resource) WHERE state = 'active';
