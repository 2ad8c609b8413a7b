-- Signed batches are stored before what follows from them: readings, losses and the lattice. Which writer has
-- stored what follows from its batches, and up to which of its commits, by number; what a writer left when it
-- died or an insert failed is made up for from the signed bodies. `state`: 0 may be writing, 1 writes no more,
-- 2 has nothing left.
CREATE TABLE IF NOT EXISTS vouch.writers
(
    writer FixedString(16),
    placed SimpleAggregateFunction(max, UInt64),
    at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3),
    state SimpleAggregateFunction(max, UInt8)
)
ENGINE = AggregatingMergeTree
ORDER BY writer
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- Batches of before were stored after all that follows from them: they name no writer.
ALTER TABLE vouch.batches
    ADD COLUMN IF NOT EXISTS writer FixedString(16),
    ADD COLUMN IF NOT EXISTS commit_number UInt64;
