-- The receipt is written with the batch that it acknowledges, so what was acknowledged can be shown.
-- Of batches of one insert only the last of a run has one: a receipt covers all before it.
ALTER TABLE vouch.batches
    ADD COLUMN IF NOT EXISTS receipt String,
    ADD COLUMN IF NOT EXISTS late_ms UInt64
        DEFAULT toUInt64(greatest(toUnixTimestamp64Milli(received) - toUnixTimestamp64Milli(last_time), 0));

CREATE OR REPLACE VIEW vouch.batches_v1 AS SELECT * FROM vouch.batches FINAL;
