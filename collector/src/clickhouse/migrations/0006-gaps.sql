-- What operators decided about batches in quarantine. Rows are only added, readings go in before the
-- row that says so, and a batch whose readings were taken stays taken: `redriven` is final.
CREATE TABLE IF NOT EXISTS vouch.quarantine_decisions
(
    quarantine UUID,
    agent FixedString(16),
    decision LowCardinality(String),
    decided DateTime64(3, 'UTC'),
    decided_by String,
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (agent, quarantine, decided, decision, decided_by)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- Quarantine with the decision in force, without the bytes.
CREATE OR REPLACE VIEW vouch.quarantine_v1 AS
SELECT
    agent,
    id,
    anyIf(facts.run, facts.state = 'open') AS run,
    max(facts.sequence) AS sequence,
    anyIf(facts.code, facts.state = 'open') AS code,
    anyIf(facts.message, facts.state = 'open') AS message,
    anyIf(facts.peer, facts.state = 'open') AS peer,
    max(facts.received) AS received,
    max(facts.bytes) AS bytes,
    argMax(facts.state, (facts.state = 'redriven', facts.decided)) AS state,
    argMax(facts.decided, (facts.state = 'redriven', facts.decided)) AS decided,
    argMax(facts.decided_by, (facts.state = 'redriven', facts.decided)) AS decided_by,
    argMax(facts.reason, (facts.state = 'redriven', facts.decided)) AS reason
FROM
(
    SELECT
        agent, id, run, sequence, toString(code) AS code, message, peer, received, length(header) + length(body) AS bytes,
        'open' AS state, toDateTime64(0, 3, 'UTC') AS decided, '' AS decided_by, '' AS reason
    FROM vouch.quarantine
    UNION ALL
    SELECT
        agent, quarantine AS id, toFixedString('', 16) AS run, toUInt64(0) AS sequence, '' AS code, '' AS message,
        '' AS peer, toDateTime64(0, 3, 'UTC') AS received, toUInt64(0) AS bytes,
        toString(decision) AS state, decided, decided_by, reason
    FROM vouch.quarantine_decisions
) AS facts
GROUP BY agent, id
HAVING countIf(facts.state = 'open') > 0;

-- What is known to be missing, from what agents signed: losses they admit, batches whose readings were
-- not taken, and batches that never came. A row is gone once its batch is redriven or comes after all.
-- A batch that was not read holds what was metered between the sealing of the one before and its own.
CREATE OR REPLACE VIEW vouch.gaps_v1 AS
WITH
    -- The chains of agents that have anything in quarantine: a hole is only passed over together with that.
    chain AS
    (
        SELECT
            agent,
            run,
            sequence,
            previous,
            rows,
            received,
            last_time != received AS taken,
            fromUnixTimestamp64Milli(least(greatest(
                toUnixTimestamp64Milli(received) - clock_offset_ms, 0), 10413791999999), 'UTC') AS sealed,
            lagInFrame(sequence, 1, 0) OVER in_run AS sequence_before,
            if(sequence_before = 0, lagInFrame(sealed, 1, sealed) OVER in_life, lagInFrame(sealed, 1, sealed) OVER in_run) AS sealed_before
        FROM vouch.batches
        WHERE agent GLOBAL IN (SELECT agent FROM vouch.quarantine)
        WINDOW
            in_run AS (PARTITION BY agent, run ORDER BY sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
            in_life AS (PARTITION BY agent ORDER BY sealed, run, sequence ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    ),
    -- A fork is another batch than the one of the chain in the same place.
    places AS
    (
        SELECT agent, run, sequence, if(code = 'SEQUENCE_FORK', id, toUUID('00000000-0000-0000-0000-000000000000')) AS fork,
            code, state, received, received AS sealed, received AS sealed_before, 0 AS rows, 0 AS chained, 0 AS taken
        FROM vouch.quarantine_v1
        UNION ALL
        SELECT agent, run, sequence, toUUID('00000000-0000-0000-0000-000000000000') AS fork,
            '' AS code, '' AS state, received, sealed, sealed_before, rows, 1 AS chained, taken
        FROM chain
        WHERE (agent, run, sequence) GLOBAL IN (SELECT agent, run, sequence FROM vouch.quarantine)
    )
SELECT
    agent,
    run,
    if(countIf(state = 'discarded') > 0, 'discarded', 'quarantined') AS kind,
    argMax(sealed_before, (chained, places.received)) AS from_time,
    argMax(sealed, (chained, places.received)) AS to_time,
    sequence AS from_sequence,
    sequence AS to_sequence,
    toUInt64(max(rows)) AS readings,
    argMaxIf(code, places.received, chained = 0) AS reason,
    minIf(places.received, chained = 0) AS known
FROM places
GROUP BY agent, run, sequence, fork
HAVING countIf(chained = 0) > 0 AND countIf(state = 'redriven' OR taken) = 0
UNION ALL
SELECT
    agent,
    run,
    'unreceived' AS kind,
    sealed_before AS from_time,
    sealed AS to_time,
    sequence_before + 1 AS from_sequence,
    toUInt64(sequence - 1) AS to_sequence,
    toUInt64(0) AS readings,
    'SEQUENCE_GAP' AS reason,
    received AS known
FROM chain
WHERE sequence > sequence_before + 1
UNION ALL
-- The end of the run before never came: how many batches that were is not known.
SELECT
    agent,
    run,
    'unreceived' AS kind,
    sealed_before AS from_time,
    sealed AS to_time,
    toUInt64(0) AS from_sequence,
    toUInt64(0) AS to_sequence,
    toUInt64(0) AS readings,
    'CHAIN_BROKEN' AS reason,
    received AS known
FROM chain
WHERE sequence = 1
    AND previous != toFixedString('', 32)
    AND (agent, run, sequence) GLOBAL IN (SELECT agent, run, sequence FROM vouch.quarantine WHERE code = 'CHAIN_BROKEN')
    AND (agent, previous) GLOBAL NOT IN
    (
        SELECT agent, digest FROM vouch.batches
        WHERE digest GLOBAL IN
        (
            SELECT previous FROM vouch.batches
            WHERE sequence = 1 AND (agent, run) GLOBAL IN (SELECT agent, run FROM vouch.quarantine WHERE code = 'CHAIN_BROKEN')
        )
    )
UNION ALL
SELECT
    agent,
    run,
    'lost' AS kind,
    l.`from` AS from_time,
    l.`to` AS to_time,
    sequence AS from_sequence,
    sequence AS to_sequence,
    l.readings AS readings,
    transform(l.reason, [1, 2, 3], ['SPOOL_FULL', 'DISK_FULL', 'SPOOL_CORRUPT'], 'UNSPECIFIED') AS reason,
    b.known AS known
FROM vouch.losses_v1 AS l
GLOBAL LEFT JOIN
(
    SELECT agent, run, sequence, min(received) AS known
    FROM vouch.batches
    WHERE (agent, run, sequence) GLOBAL IN (SELECT agent, run, sequence FROM vouch.losses)
    GROUP BY agent, run, sequence
) AS b USING (agent, run, sequence);

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
        FROM vouch.usage_hours AS u
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
