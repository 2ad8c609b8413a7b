-- For how long batches were kept; of rows from before, the least that it can have been.
ALTER TABLE vouch.retention_log
    ADD COLUMN IF NOT EXISTS batches_days UInt32
        DEFAULT if(has(mapValues(readings_days), 0), 0, arrayMax(mapValues(readings_days)));

CREATE OR REPLACE VIEW vouch.retention_log_v1 AS SELECT at, applied, readings_days, hours_days, batches_days FROM vouch.retention_log;

-- A batch expires by its last reading. Once it has, its leaf tells which instant that was; it is not signed.
ALTER TABLE vouch.audit_leaves
    ADD COLUMN IF NOT EXISTS last_time DateTime64(3, 'UTC') DEFAULT toDateTime64(day, 3, 'UTC');

CREATE OR REPLACE VIEW vouch.audit_leaves_v1 AS SELECT * FROM vouch.audit_leaves FINAL;
