-- The usage lattice: min, max and bitwise-or per (stream, epoch, hour), so that inserting
-- readings again, or in any order, changes nothing.
CREATE TABLE IF NOT EXISTS vouch.usage_hours
(
    stream FixedString(16),
    epoch UInt64,
    hour DateTime('UTC'),
    first_time SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    first_register SimpleAggregateFunction(min, UInt64),
    last_register SimpleAggregateFunction(max, UInt64),
    minutes SimpleAggregateFunction(groupBitOr, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (stream, epoch, hour)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- A reading counts in its own hour. Its span sets minute bits in every hour that it touches;
-- hours which it only reaches back into get neutral values (first > last).
CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.usage_hours_feed TO vouch.usage_hours AS
WITH
    toUnixTimestamp64Milli(time) AS at_ms,
    greatest(at_ms - toInt64(span_ms), 0) AS since_ms,
    intDiv(at_ms, 3600000) AS last_hour,
    intDiv(since_ms, 3600000) AS first_hour,
    arrayJoin(if(first_hour = last_hour, [last_hour], range(first_hour, last_hour + 1))) AS hour_index,
    hour_index * 3600000 AS hour_ms,
    hour_index = last_hour AS own,
    intDiv(greatest(since_ms - hour_ms, 0), 60000) AS first_minute,
    intDiv(least(at_ms - hour_ms, 3599999), 60000) AS last_minute
SELECT
    stream,
    epoch,
    toDateTime(hour_index * 3600, 'UTC') AS hour,
    min(if(own, time, toDateTime64('2299-12-31 23:59:59.999', 3, 'UTC'))) AS first_time,
    max(if(own, time, toDateTime64(0, 3, 'UTC'))) AS last_time,
    min(if(own, register, 18446744073709551615)) AS first_register,
    max(if(own, register, 0)) AS last_register,
    groupBitOr(bitShiftLeft(toUInt64(1), last_minute + 1) - bitShiftLeft(toUInt64(1), first_minute)) AS minutes
FROM vouch.readings
GROUP BY stream, epoch, hour;

CREATE VIEW IF NOT EXISTS vouch.usage_hours_v1 AS
SELECT
    stream,
    epoch,
    hour,
    min(u.first_time) AS first_time,
    max(u.last_time) AS last_time,
    min(u.first_register) AS first_register,
    max(u.last_register) AS last_register,
    groupBitOr(u.minutes) AS minutes
FROM vouch.usage_hours AS u
GROUP BY stream, epoch, hour;
