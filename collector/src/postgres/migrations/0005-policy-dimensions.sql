-- Attributes that streams carry; empty = all that the agent's own settings choose.
ALTER TABLE fleet.policies ADD COLUMN dimensions text[] NOT NULL DEFAULT '{}';

-- Of the policy that the last batch was measured by; 0 = the agent's own settings.
ALTER TABLE fleet.agent_status ADD COLUMN policy_version bigint;
