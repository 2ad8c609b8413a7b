-- The usage lattice in granules of a twelfth of the size and small blocks: whoever asks for some streams of many
-- reads and unpacks little of the others. A year of an account of a hundred streams takes half of the time.
CREATE TABLE IF NOT EXISTS vouch.lattice
(
    stream FixedString(16),
    epoch UInt64,
    hour DateTime('UTC'),
    first_time SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_time SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    first_register SimpleAggregateFunction(min, UInt64),
    last_register SimpleAggregateFunction(max, UInt64),
    minutes SimpleAggregateFunction(groupBitOr, UInt64),
    class SimpleAggregateFunction(max, LowCardinality(String))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (stream, epoch, hour)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1,
    index_granularity = 1024, min_compress_block_size = 16384;

-- A reading counts in its own hour. Its span sets minute bits in every hour that it touches;
-- hours which it only reaches back into get neutral values (first > last).
CREATE MATERIALIZED VIEW IF NOT EXISTS vouch.lattice_feed TO vouch.lattice AS
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

-- Rows of before. The feed is there already: what is inserted meanwhile lies in both, and merges.
INSERT INTO vouch.lattice (stream, epoch, hour, first_time, last_time, first_register, last_register, minutes, class)
SELECT stream, epoch, hour, first_time, last_time, first_register, last_register, minutes, class FROM vouch.usage_hours;

DROP VIEW IF EXISTS vouch.segments_feed;

CREATE OR REPLACE VIEW vouch.usage_hours_v1 AS
SELECT
    stream,
    epoch,
    hour,
    min(u.first_time) AS first_time,
    max(u.last_time) AS last_time,
    min(u.first_register) AS first_register,
    max(u.last_register) AS last_register,
    groupBitOr(u.minutes) AS minutes
FROM vouch.lattice AS u
GROUP BY stream, epoch, hour;

-- As it lies, states not merged yet beside each other: whoever combines them anyway, with min, max
-- and bitwise or, is spared the grouping by hour.
CREATE OR REPLACE VIEW vouch.usage_parts_v1 AS
SELECT stream, epoch, hour, first_time, last_time, first_register, last_register, minutes FROM vouch.lattice;

-- Minutes covered, of the minutes expected, for every hour of a stream's life: from its first reading to
-- its last. An hour without any row is listed with none. The first and the last hour expect only the
-- minutes from, or to, that reading: the last hour stays open until a later one has readings.
CREATE OR REPLACE VIEW vouch.coverage_hours_v1 AS
WITH
    marked AS
    (
        SELECT
            stream,
            hour,
            groupBitOr(u.minutes) AS bits
        FROM vouch.lattice AS u
        GROUP BY stream, hour
    ),
    neighbours AS
    (
        SELECT
            stream,
            hour,
            bits,
            lagInFrame(hour, 1, hour) OVER life = hour AS opens,
            leadInFrame(hour, 1, hour) OVER life AS next_hour
        FROM marked
        WINDOW life AS (PARTITION BY stream ORDER BY hour ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
    ),
    filled AS
    (
        SELECT
            stream,
            hour + 3600 * step AS at_hour,
            if(step = 0, bits, 0) AS minutes_bits,
            step = 0 AND opens AS is_first,
            next_hour = hour AS is_last
        FROM neighbours
        ARRAY JOIN range(greatest(1, toUInt32(intDiv(next_hour - hour, 3600)))) AS step
    )
SELECT
    c.stream AS stream,
    s.agent AS agent,
    s.resource AS resource,
    s.meter AS meter,
    c.at_hour AS hour,
    toUInt8(bitCount(c.minutes_bits)) AS minutes_covered,
    toUInt8(if(c.is_last, bitPositionsToArray(c.minutes_bits)[-1] + 1, 60)
        - if(c.is_first, bitPositionsToArray(c.minutes_bits)[1], 0)) AS minutes_expected
FROM filled AS c
GLOBAL INNER JOIN (SELECT stream, any(agent) AS agent, any(resource) AS resource, any(meter) AS meter FROM vouch.streams GROUP BY stream) AS s
    ON s.stream = c.stream;

DROP TABLE IF EXISTS vouch.usage_hours;
