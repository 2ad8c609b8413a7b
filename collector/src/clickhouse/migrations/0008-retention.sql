-- Batches that issued documents rest on, each once for each document, until the document may go.
-- Rating adds the rows; a batch that only links the chain is kept without its body.
CREATE TABLE IF NOT EXISTS vouch.evidence
(
    agent FixedString(16),
    run FixedString(16),
    sequence UInt64,
    digest FixedString(32),
    previous FixedString(32),
    key_id FixedString(16),
    header String,
    body String,
    signature FixedString(64),
    first_time DateTime64(3, 'UTC'),
    last_time DateTime64(3, 'UTC'),
    rows UInt32,
    received DateTime64(3, 'UTC'),
    clock_offset_ms Int64,
    final UInt8,
    receipt String,
    late_ms UInt64,
    document String,
    retain_until DateTime64(3, 'UTC'),
    INDEX by_digest digest TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree(retain_until)
PARTITION BY toYear(retain_until)
ORDER BY (agent, run, sequence, digest, document)
TTL toDateTime(retain_until)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 256;

-- Batches of either table, once. Of copies the one with a body stands: it is the same batch, by digest.
-- Conditions on the key reach both tables, as it is what is grouped by.
CREATE OR REPLACE VIEW vouch.batches_v1 AS
SELECT
    agent,
    run,
    sequence,
    digest,
    any(b.previous) AS previous,
    any(b.key_id) AS key_id,
    any(b.header) AS header,
    max(b.body) AS body,
    any(b.signature) AS signature,
    min(b.first_time) AS first_time,
    max(b.last_time) AS last_time,
    any(b.rows) AS rows,
    min(b.received) AS received,
    any(b.clock_offset_ms) AS clock_offset_ms,
    any(b.final) AS final,
    max(b.receipt) AS receipt,
    min(b.late_ms) AS late_ms
FROM
(
    SELECT agent, run, sequence, digest, previous, key_id, header, body, signature, first_time, last_time, rows,
        received, clock_offset_ms, final, receipt, late_ms
    FROM vouch.batches FINAL
    UNION ALL
    SELECT agent, run, sequence, digest, previous, key_id, header, body, signature, first_time, last_time, rows,
        received, clock_offset_ms, final, receipt, late_ms
    FROM vouch.evidence
) AS b
GROUP BY agent, run, sequence, digest;

-- Which retention was in force from when to when: a row before the tables change, and one after.
-- Days by class of meter; the empty name is every other class, 0 is for ever.
CREATE TABLE IF NOT EXISTS vouch.retention_log
(
    at DateTime64(3, 'UTC') DEFAULT now64(3),
    applied UInt8,
    readings_days Map(String, UInt32),
    hours_days Map(String, UInt32)
)
ENGINE = MergeTree
ORDER BY at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS vouch.retention_log_v1 AS SELECT at, applied, readings_days, hours_days FROM vouch.retention_log;
