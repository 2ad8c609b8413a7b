-- Readings as they were signed: a row is a segment of a batch, readings of one stream and epoch that ascend in time,
-- in arrays. (run, sequence, first_row + n) says where a reading stands signed. A sixth of the rows is
-- sorted, merged and kept in mind, and what is said once a segment is stored once.
-- The class of a meter is its name without the last word: `host.network` of `host.network.received`.
-- Retention is set by class.
CREATE TABLE IF NOT EXISTS vouch.segments
(
    stream FixedString(16),
    epoch UInt64 CODEC(Delta, LZ4),
    first_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    run FixedString(16),
    sequence UInt64 CODEC(DoubleDelta, LZ4),
    first_row UInt32 CODEC(Delta, LZ4),
    class LowCardinality(String),
    times Array(DateTime64(3, 'UTC')) CODEC(DoubleDelta, LZ4),
    registers Array(UInt64) CODEC(T64, LZ4),
    spans Array(UInt32) CODEC(T64, LZ4),
    INDEX by_last_time last_time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(first_time)
PRIMARY KEY (stream, epoch, first_time)
ORDER BY (stream, epoch, first_time, run, sequence, first_row)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 1024;

ALTER TABLE vouch.usage_hours
    ADD COLUMN IF NOT EXISTS class SimpleAggregateFunction(max, LowCardinality(String));

-- A reading counts in its own hour. Its span sets minute bits in every hour that it touches;
-- hours which it only reaches back into get neutral values (first > last).
CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.segments_feed TO vouch.usage_hours AS
WITH
    arrayMap(t -> toUnixTimestamp64Milli(t), times) AS at_ms,
    arrayMap((at, span) -> greatest(at - toInt64(span), 0), at_ms, spans) AS since_ms,
    intDiv(at_ms[-1], 3600000) AS last_hour,
    intDiv(arrayMin(since_ms), 3600000) AS first_hour,
    arrayJoin(if(first_hour = last_hour, [last_hour], range(first_hour, last_hour + 1))) AS hour_index,
    hour_index * 3600000 AS hour_ms,
    arrayFirstIndex(at -> at >= hour_ms, at_ms) AS opening,
    arrayLastIndex(at -> at < hour_ms + 3600000, at_ms) AS closing,
    opening > 0 AND opening <= closing AS own,
    arrayMap(ms -> intDiv(least(greatest(ms - hour_ms, 0), 3599999), 60000), since_ms) AS first_minutes,
    arrayMap(ms -> intDiv(least(greatest(ms - hour_ms, 0), 3599999), 60000), at_ms) AS last_minutes,
    arrayReduce('groupBitOr', arrayMap((since, at, first, last) -> if(since < hour_ms + 3600000 AND at >= hour_ms,
        bitShiftLeft(toUInt64(1), last + 1) - bitShiftLeft(toUInt64(1), first),
        0), since_ms, at_ms, first_minutes, last_minutes)) AS bits
SELECT
    stream,
    epoch,
    toDateTime(hour_index * 3600, 'UTC') AS hour,
    min(if(own, times[opening], toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))) AS first_time,
    max(if(own, times[closing], toDateTime64(0, 3, 'UTC'))) AS last_time,
    min(if(own, registers[opening], 18446744073709551615)) AS first_register,
    max(if(own, registers[closing], 0)) AS last_register,
    groupBitOr(bits) AS minutes,
    max(class) AS class
FROM vouch.segments
GROUP BY stream, epoch, hour
-- Not the hours that lie between two readings.
HAVING minutes != 0;

-- Rows of before: a segment each. Of which class they are is not known.
INSERT INTO vouch.segments (stream, epoch, first_time, last_time, run, sequence, first_row, times, registers, spans)
SELECT stream, epoch, time, time, run, sequence, row, [time], [register], [span_ms] FROM vouch.readings;

DROP VIEW IF EXISTS vouch.usage_hours_feed;

-- One row a reading. A condition on `time` alone reads the whole stream: together with
-- `segment_last_time >= since AND segment_first_time < until` the index is used.
CREATE OR REPLACE VIEW vouch.readings_v1 AS
SELECT
    stream,
    epoch,
    time,
    register,
    span_ms,
    run,
    sequence,
    toUInt32(first_row + nth) AS row,
    class,
    first_time AS segment_first_time,
    last_time AS segment_last_time
FROM vouch.segments FINAL
ARRAY JOIN times AS time, registers AS register, spans AS span_ms, range(length(times)) AS nth;

DROP TABLE IF EXISTS vouch.readings;
