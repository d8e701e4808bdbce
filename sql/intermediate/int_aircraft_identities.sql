/*
grain: one row per aircraft on record and span of days under one registration, all days in some span
key: [aircraft, valid_from]
columns:
  aircraft: {type: VARCHAR, doc: "Key of the aircraft"}
  valid_from: {type: DATE, doc: "First day of the span; 1900-01-01 in the first"}
  valid_to: {type: DATE, doc: "Last day of the span; 9999-12-31 in the last"}
  registration: {type: VARCHAR, doc: "Registration in the spelling most often stated; null where none is known"}
  mark: {type: VARCHAR, doc: "The registration without hyphens"}
  basis: {type: VARCHAR, values: [records, register, none], doc: "What says so"}
  airframe_no: {type: INTEGER, doc: "1 for the first airframe that bore the key; a registration seen only after the one before it was last seen is another airframe"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First record of the span; null where records without a registration run across it"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last record of the span; null as above"}
*/
-- Addresses are re-used and re-issued. What records state counts first; a register that gives dates tells apart what
-- records without a registration mean; one without dates speaks only where nothing else does.
-- Kept in one file: one chain of steps from statements to spans, of which no step means anything by itself.
WITH seen AS (
    SELECT
        aircraft,
        mark_of(registration) AS mark,
        arg_max(registration, (sightings, registration)) AS registration,
        sum(sightings) AS sightings,
        min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at
    FROM intermediate.int_aircraft_keys
    WHERE sightings > 0
    GROUP BY ALL
),

-- a registration stated only while another is stated more often is an error of its records, no change of identity
stated AS (
    SELECT s.*
    FROM seen AS s
    ANTI JOIN seen AS o
        ON
            s.aircraft = o.aircraft AND s.mark <> o.mark
            AND s.first_seen_at >= o.first_seen_at AND s.last_seen_at <= o.last_seen_at AND s.sightings < o.sightings
    WHERE s.mark IS NOT NULL
),

unmarked AS (
    SELECT
        aircraft,
        first_seen_at,
        last_seen_at
    FROM seen
    WHERE mark IS NULL
),

-- what registers give for the addresses of those aircraft of which some record states no registration
registered AS (
    SELECT
        k.aircraft,
        mark_of(r.registration) AS mark,
        min(r.registration) AS registration,
        min(r.valid_from) AS valid_from,
        CASE WHEN count(*) = count(r.valid_to) THEN max(r.valid_to) END AS valid_to
    FROM intermediate.int_aircraft_keys AS k
    INNER JOIN reference.aircraft AS r ON k.icao24 = r.icao24
    WHERE k.registration IS NULL AND k.sightings > 0 AND r.registration IS NOT NULL
    GROUP BY k.aircraft, mark
),

spoken_for AS (
    SELECT aircraft FROM stated
    EXCEPT
    SELECT aircraft FROM registered
    WHERE valid_from IS NOT NULL
),

undated AS (
    SELECT
        aircraft,
        min(mark) AS mark,
        min(registration) AS registration
    FROM registered
    WHERE valid_from IS NULL AND valid_to IS NULL AND aircraft NOT IN (SELECT aircraft FROM spoken_for)
    GROUP BY aircraft
    HAVING count(*) = 1
),

changes AS (
    SELECT
        aircraft,
        coalesce(first_seen_at::DATE, '1900-01-01'::DATE) AS since,
        mark,
        registration,
        'records' AS basis,
        0 AS rank,
        last_seen_at
    FROM stated

    UNION ALL
    SELECT
        aircraft,
        coalesce(valid_from, '1900-01-01'::DATE) AS since,
        mark,
        registration,
        'register' AS basis,
        1 AS rank,
        NULL AS last_seen_at
    FROM registered
    WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL

    UNION ALL
    SELECT
        aircraft,
        '1900-01-01'::DATE AS since,
        mark,
        registration,
        'register' AS basis,
        2 AS rank,
        NULL AS last_seen_at
    FROM undated

    UNION ALL
    SELECT
        aircraft,
        valid_to + 1 AS since,
        NULL AS mark,
        NULL AS registration,
        'none' AS basis,
        3 AS rank,
        NULL AS last_seen_at
    FROM registered
    WHERE valid_to IS NOT NULL

    UNION ALL
    SELECT
        aircraft,
        '1900-01-01'::DATE AS since,
        NULL AS mark,
        NULL AS registration,
        'none' AS basis,
        4 AS rank,
        NULL AS last_seen_at
    FROM unmarked
    WHERE
        aircraft NOT IN (SELECT aircraft FROM stated)
        AND aircraft NOT IN (SELECT aircraft FROM registered WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL)
        AND aircraft NOT IN (SELECT aircraft FROM undated)
),

-- of two on one day what records state counts, and of those the one seen longer
daily AS (
    SELECT *
    FROM changes
    QUALIFY row_number() OVER (PARTITION BY aircraft, since ORDER BY rank, last_seen_at DESC, mark) = 1
),

spans AS (
    SELECT
        aircraft,
        mark,
        registration,
        basis,
        since,
        CASE WHEN row_number() OVER days = 1 THEN '1900-01-01'::DATE ELSE since END AS valid_from,
        coalesce(lead(since) OVER days - 1, '9999-12-31'::DATE)::DATE AS valid_to
    FROM (
        SELECT *
        FROM daily
        QUALIFY
            row_number() OVER (PARTITION BY aircraft ORDER BY since) = 1
            OR mark IS DISTINCT FROM lag(mark) OVER (PARTITION BY aircraft ORDER BY since)
    ) AS different
    WINDOW days AS (PARTITION BY aircraft ORDER BY since)
),

-- records without a registration say nothing against the one that holds then: they lengthen its time on record
lived AS (
    SELECT
        p.*,
        s.first_seen_at AS stated_from,
        max(s.last_seen_at) OVER (
            PARTITION BY p.aircraft ORDER BY p.since
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS stated_before_until,
        least(
            s.first_seen_at, CASE WHEN u.first_seen_at::DATE BETWEEN p.valid_from AND p.valid_to THEN u.first_seen_at END
        ) AS first_seen_at,
        greatest(
            s.last_seen_at, CASE WHEN u.last_seen_at::DATE BETWEEN p.valid_from AND p.valid_to THEN u.last_seen_at END
        ) AS last_seen_at,
        s.mark IS NOT NULL OR (u.first_seen_at::DATE <= p.valid_to AND u.last_seen_at::DATE >= p.valid_from) AS is_on_record
    FROM spans AS p
    LEFT JOIN stated AS s
        ON
            p.aircraft = s.aircraft AND p.mark = s.mark
            AND coalesce(s.first_seen_at::DATE, '1900-01-01'::DATE) BETWEEN p.valid_from AND p.valid_to
    LEFT JOIN unmarked AS u ON p.aircraft = u.aircraft
)

SELECT
    aircraft,
    CASE WHEN row_number() OVER days = 1 THEN '1900-01-01'::DATE ELSE valid_from END AS valid_from,
    coalesce(lead(valid_from) OVER days - 1, '9999-12-31'::DATE)::DATE AS valid_to,
    registration,
    mark,
    basis,
    (1 + count_if(
        is_other AND (stated_from IS NULL OR stated_before_until IS NULL OR stated_from > stated_before_until)
    ) OVER days)::INTEGER AS airframe_no,
    first_seen_at,
    last_seen_at
FROM (
    SELECT
        *,
        row_number() OVER (PARTITION BY aircraft ORDER BY since) > 1 AS is_other
    FROM lived
    WHERE is_on_record
) AS known
WINDOW days AS (PARTITION BY aircraft ORDER BY since ROWS UNBOUNDED PRECEDING)
