-- The receipt is written with the batch that it acknowledges, so what was acknowledged can be shown.
-- Of batches of one insert only the last of a run has one: a receipt covers all before it.
ALTER TABLE vouch.batches
    ADD COLUMN IF NOT EXISTS receipt String,
    ADD COLUMN IF NOT EXISTS late_ms UInt64
        DEFAULT toUInt64(greatest(toUnixTimestamp64Milli(received) - toUnixTimestamp64Milli(last_time), 0));

CREATE OR REPLACE VIEW vouch.batches_v1 AS SELECT * FROM vouch.batches FINAL;

-- The class of a meter is its name without the last word: `host.network` of `host.network.received`.
-- Retention is set by class.
ALTER TABLE vouch.readings ADD COLUMN IF NOT EXISTS class LowCardinality(String);

-- Columns as they are sorted: differences are small, and of a batch most values repeat.
ALTER TABLE vouch.readings
    MODIFY COLUMN epoch CODEC(Delta, LZ4),
    MODIFY COLUMN time CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN register CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN span_ms CODEC(T64, LZ4),
    MODIFY COLUMN sequence CODEC(DoubleDelta, LZ4),
    MODIFY COLUMN row CODEC(Delta, LZ4);

CREATE OR REPLACE VIEW vouch.readings_v1 AS SELECT * FROM vouch.readings FINAL;

ALTER TABLE vouch.usage_hours
    ADD COLUMN IF NOT EXISTS class SimpleAggregateFunction(max, LowCardinality(String));

-- As before, with the class handed on.
ALTER TABLE vouch.usage_hours_feed MODIFY QUERY
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
    groupBitOr(bitShiftLeft(toUInt64(1), last_minute + 1) - bitShiftLeft(toUInt64(1), first_minute)) AS minutes,
    max(class) AS class
FROM vouch.readings
GROUP BY stream, epoch, hour;
