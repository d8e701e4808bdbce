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
WITH ledger AS (
    SELECT
        d.source,
        d.scope,
        d.day,
        d.status,
        d.watched,
        s.covers
    FROM raw.source_days AS d
    INNER JOIN reference.sources AS s ON d.source = s.source
    WHERE s.kind = 'flight' AND d.day <= $as_of
),

-- an archive of everything covers every base that was watched when it was read: a base added later was not looked for, and
-- its silence there is unknown; a query for one airport, or a declared set of records, covers that base
covered AS (
    SELECT
        b.base_id,
        l.day,
        l.status IN ('ok', 'empty') AS is_covered,
        TRUE AS by_archive
    FROM ledger AS l
    CROSS JOIN reference.bases AS b
    WHERE
        l.covers = 'all_bases' AND l.scope = 'global' AND l.status IN ('ok', 'empty', 'partial')
        AND (l.watched IS NULL OR list_contains(l.watched, b.base_id))

    UNION ALL
    SELECT
        replace(l.scope, 'base:', '') AS base_id,
        l.day,
        l.status IN ('ok', 'empty') AS is_covered,
        l.covers = 'all_bases' AS by_archive
    FROM ledger AS l
    WHERE l.covers <> 'never' AND starts_with(l.scope, 'base:') AND l.status IN ('ok', 'empty', 'partial')
),

coverage AS (
    SELECT
        base_id,
        day,
        bool_or(is_covered AND by_archive) AS has_archive,
        bool_or(is_covered AND NOT by_archive) AS has_records
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
    WHERE base_id IS NOT NULL AND day <= $as_of
    GROUP BY base_id
),

spine AS (
    SELECT
        base_id,
        unnest(generate_series(first_day::TIMESTAMP, $as_of::TIMESTAMP, INTERVAL 1 DAY))::DATE AS day
    FROM starts
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
)

SELECT
    s.base_id,
    s.day,
    CASE
        WHEN c.has_archive AND h.has_background THEN 'observed'
        WHEN c.has_records THEN 'unmeasured'
        WHEN c.has_archive AND h.is_blind THEN 'blind'
        WHEN c.has_archive THEN 'unmeasured'
        ELSE 'missing'
    END AS observability,
    CASE WHEN c.has_archive AND h.has_background THEN h.detection END AS detection,
    h.background_aircraft,
    CASE WHEN h.is_suspected THEN 'suspected' ELSE 'none' END AS interference
FROM spine AS s
LEFT JOIN coverage AS c ON s.base_id = c.base_id AND s.day = c.day
LEFT JOIN heard AS h ON s.base_id = h.base_id AND s.day = h.day
