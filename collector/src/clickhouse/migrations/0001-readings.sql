-- Streams and their readings. The name `vouch` stands for the configured database.
CREATE DATABASE IF NOT EXISTS vouch;

-- A stream id commits to resource, meter, unit and kind: only attributes change over time.
CREATE TABLE IF NOT EXISTS vouch.streams
(
    stream FixedString(16),
    agent FixedString(16),
    resource String,
    meter LowCardinality(String),
    unit LowCardinality(String),
    kind UInt8,
    attributes Map(String, String),
    declared DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(declared)
ORDER BY (resource, meter, stream)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE VIEW IF NOT EXISTS vouch.streams_v1 AS SELECT * FROM vouch.streams FINAL;

-- One row a reading; (run, sequence, row) says where it stands signed.
CREATE TABLE IF NOT EXISTS vouch.readings
(
    stream FixedString(16),
    epoch UInt64,
    time DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    register UInt64 CODEC(Delta, LZ4),
    span_ms UInt32,
    run FixedString(16),
    sequence UInt64,
    row UInt32
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (stream, epoch, time, register)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE VIEW IF NOT EXISTS vouch.readings_v1 AS SELECT * FROM vouch.readings FINAL;
