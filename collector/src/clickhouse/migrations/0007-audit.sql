-- Which batches came under the root of which UTC day. Written before the root: a day whose root is
-- missing is closed again, and equal rows replace each other.
CREATE TABLE IF NOT EXISTS vouch.audit_leaves
(
    day Date,
    digest FixedString(32)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE OR REPLACE VIEW vouch.audit_leaves_v1 AS SELECT * FROM vouch.audit_leaves FINAL;

-- The signed roots. `message` and `signature` are what counts; the other columns repeat the message
-- for queries. `previous` is the digest of the message of the day before.
CREATE TABLE IF NOT EXISTS vouch.audit_days
(
    day Date,
    batches UInt64,
    root FixedString(32),
    previous FixedString(32),
    message String,
    signature FixedString(64),
    key_id FixedString(16),
    closed DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (day, message)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE OR REPLACE VIEW vouch.audit_days_v1 AS SELECT * FROM vouch.audit_days FINAL;

-- Batches of a run arrive in order, so few granules hold those of one day.
ALTER TABLE vouch.batches ADD INDEX IF NOT EXISTS by_received received TYPE minmax GRANULARITY 1;

-- From a reading to the device's signature, the receipt and the root of the day, in one query:
-- SELECT * FROM trail_v1(stream = '<32 hexadecimal digits>', since = '2026-11-24 17:00:00', until = '2026-11-24 18:00:00').
-- The arguments reach every table, which a filter on the result would not.
CREATE OR REPLACE VIEW vouch.trail_v1 AS
WITH
    toFixedString(unhex({stream:String}), 16) AS wanted,
    signed AS
    (
        SELECT agent, run, sequence, digest, previous, key_id, signature, received, late_ms, clock_offset_ms
        FROM vouch.batches FINAL
        WHERE agent GLOBAL IN (SELECT agent FROM vouch.streams WHERE stream = toFixedString(unhex({stream:String}), 16))
            AND (run, sequence) GLOBAL IN
            (
                SELECT run, sequence FROM vouch.segments
                WHERE stream = toFixedString(unhex({stream:String}), 16)
                    AND last_time >= {since:DateTime64(3, 'UTC')} AND first_time < {until:DateTime64(3, 'UTC')}
            )
    )
SELECT
    r.stream AS stream, s.resource AS resource, s.meter AS meter, s.unit AS unit, s.kind AS kind,
    r.epoch AS epoch, r.time AS time, r.register AS register, r.span_ms AS span_ms,
    s.agent AS agent, r.run AS run, r.sequence AS sequence, r.row AS row,
    b.digest AS digest, b.key_id AS key_id, b.signature AS signature,
    b.received AS received, b.late_ms AS late_ms, b.clock_offset_ms AS clock_offset_ms,
    c.receipt_sequence AS receipt_sequence, c.receipt AS receipt,
    l.root_day AS day, d.root AS root, d.signature AS root_signature
FROM (SELECT * FROM vouch.readings_v1 WHERE stream = wanted
    AND segment_last_time >= {since:DateTime64(3, 'UTC')} AND segment_first_time < {until:DateTime64(3, 'UTC')}
    AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}) AS r
GLOBAL INNER JOIN (SELECT stream, any(agent) AS agent, any(resource) AS resource, any(meter) AS meter, any(unit) AS unit,
    any(kind) AS kind FROM vouch.streams WHERE stream = wanted GROUP BY stream) AS s ON s.stream = r.stream
GLOBAL LEFT JOIN signed AS b ON b.agent = s.agent AND b.run = r.run AND b.sequence = r.sequence
GLOBAL ASOF LEFT JOIN
(
    SELECT run, sequence AS receipt_sequence, receipt FROM vouch.batches FINAL
    WHERE receipt != '' AND agent GLOBAL IN (SELECT agent FROM signed) AND run GLOBAL IN (SELECT run FROM signed)
        AND sequence >= (SELECT min(sequence) FROM signed)
) AS c ON c.run = r.run AND c.receipt_sequence >= r.sequence
GLOBAL LEFT JOIN
(
    SELECT digest, toNullable(min(day)) AS root_day FROM vouch.audit_leaves
    WHERE day >= (SELECT toDate(min(received)) FROM signed) AND digest GLOBAL IN (SELECT digest FROM signed) GROUP BY digest
) AS l ON l.digest = b.digest
GLOBAL LEFT JOIN vouch.audit_days AS d ON d.day = l.root_day;
