/*
grain: one row per base and UTC day of its spine, from the first day that any source covers or has a record of to as_of
key: [base_id, day]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  observability: {type: VARCHAR, values: [observed, unmeasured, blind, missing], doc: "What could have been seen that day"}
  detection: {type: DOUBLE, doc: "Probability that a visit would be seen, 0 to 1; null if unmeasured"}
  background_aircraft: {type: INTEGER, doc: "Other aircraft heard near the base; null where nobody listened"}
  interference: {type: VARCHAR, values: [none, suspected], doc: "GNSS spoofing or jamming near the base"}
*/
WITH covered AS (
    SELECT
        base_id,
        day,
        is_whole,
        is_archive
    FROM intermediate.int_covered_days
    WHERE kind = 'flight' AND day <= $as_of
),

coverage AS (
    SELECT
        base_id,
        day,
        bool_or(is_whole AND is_archive) AS has_archive,
        bool_or(is_whole AND NOT is_archive) AS has_records
    FROM covered
    GROUP BY base_id, day
),

starts AS (
    SELECT
        base_id,
        min(day) AS first_day
    FROM (
        SELECT
            base_id,
            day
        FROM covered
        UNION ALL
        SELECT
            base_id,
            first_evidence_at::DATE AS day
        FROM intermediate.int_visits
        UNION ALL
        SELECT
            base_id,
            published_at::DATE AS day
        FROM staging.stg_news__mentions
    ) AS seen
    WHERE base_id IS NOT NULL AND day <= $as_of -- a mention without a date begins nothing
    GROUP BY base_id
),

spine AS (
    SELECT
        base_id,
        unnest(generate_series(first_day::TIMESTAMP, $as_of::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day
    FROM starts
),

-- a visit that was heard down to the ground, or low, proves that its day was not blind
proven AS (
    SELECT
        base_id,
        day_of(arrived_at) AS day
    FROM intermediate.int_visits
    WHERE arrival_evidence IN ('touchdown', 'aligned_loss', 'descent_loss') AND confidence >= 2
    UNION
    SELECT
        base_id,
        day_of(departed_at) AS day
    FROM intermediate.int_visits
    WHERE departure_evidence IN ('touchdown', 'aligned_loss', 'descent_loss') AND confidence >= 2
),

heard AS (
    SELECT
        base_id,
        day,
        bool_or(has_background) AS has_background,
        bool_or(is_blind) AS is_blind,
        -- independent networks: missed only where all of them miss
        1 - product(1 - detection ORDER BY source) AS detection,
        max(background_aircraft) AS background_aircraft,
        bool_or(interference = 'suspected') AS is_suspected
    FROM intermediate.int_base_day_coverage
    GROUP BY base_id, day
),

judged AS (
    SELECT
        s.base_id,
        s.day,
        CASE
            WHEN c.has_archive AND h.has_background THEN 'observed'
            WHEN c.has_records THEN 'unmeasured'
            WHEN c.has_archive AND h.is_blind AND p.day IS NULL THEN 'blind'
            WHEN c.has_archive THEN 'unmeasured'
            ELSE 'missing'
        END AS observability,
        h.detection,
        h.background_aircraft,
        h.is_suspected
    FROM spine AS s
    LEFT JOIN coverage AS c ON s.base_id = c.base_id AND s.day = c.day
    LEFT JOIN heard AS h ON s.base_id = h.base_id AND s.day = h.day
    LEFT JOIN proven AS p ON s.base_id = p.base_id AND s.day = p.day
)

SELECT
    base_id,
    day,
    observability,
    -- how poorly a blind day was heard is said too; of several networks the blind one does not speak for the others
    CASE
        WHEN observability = 'observed' OR (observability = 'blind' AND detection < $coverage_poor) THEN detection
    END AS detection,
    background_aircraft,
    CASE WHEN is_suspected THEN 'suspected' ELSE 'none' END AS interference
FROM judged
