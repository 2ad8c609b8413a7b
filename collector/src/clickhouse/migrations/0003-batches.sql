-- The signed archive: every authentic batch of the chain, byte for byte. Written last of an
-- insert, so a batch found here is wholly durable.
CREATE TABLE IF NOT EXISTS vouch.batches
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
    INDEX by_digest digest TYPE bloom_filter GRANULARITY 4,
    INDEX by_previous previous TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(last_time)
ORDER BY (agent, run, sequence, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 256;

CREATE VIEW IF NOT EXISTS vouch.batches_v1 AS SELECT * FROM vouch.batches FINAL;

-- What agents admit to have lost before it could be sent.
CREATE TABLE IF NOT EXISTS vouch.losses
(
    agent FixedString(16),
    run FixedString(16),
    sequence UInt64,
    `from` DateTime64(3, 'UTC'),
    `to` DateTime64(3, 'UTC'),
    readings UInt64,
    reason UInt8
)
ENGINE = ReplacingMergeTree
ORDER BY (agent, run, sequence, `from`, `to`, reason)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE VIEW IF NOT EXISTS vouch.losses_v1 AS SELECT * FROM vouch.losses FINAL;

-- Authentic batches whose readings were not taken. The id follows from the content: a batch
-- that is sent again does not fill the table.
CREATE TABLE IF NOT EXISTS vouch.quarantine
(
    id UUID,
    agent FixedString(16),
    run FixedString(16),
    sequence UInt64,
    code LowCardinality(String),
    message String,
    header String,
    body String,
    signature FixedString(64),
    key_id FixedString(16),
    peer String,
    received DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (agent, run, sequence, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 256;

-- Public keys of agents, written before an enrolment or rotation answers.
CREATE TABLE IF NOT EXISTS vouch.agent_keys
(
    agent FixedString(16),
    key_id FixedString(16),
    public_key FixedString(32),
    registered DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (agent, key_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE VIEW IF NOT EXISTS vouch.agent_keys_v1 AS SELECT * FROM vouch.agent_keys FINAL;
