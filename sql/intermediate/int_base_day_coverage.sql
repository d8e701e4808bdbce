/*
grain: one row per base, UTC day and network that listened, on days that were taken in whole
key: [base_id, day, source, network]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  source: {type: VARCHAR, doc: "Code of the source module"}
  network: {type: VARCHAR, doc: "Network whose receivers listened"}
  has_background: {type: BOOLEAN, doc: "Other traffic proves that the field could be seen"}
  is_blind: {type: BOOLEAN, doc: "What should have been heard was not, or arrivals are measured to be missed too often"}
  detection: {type: DOUBLE, doc: "Probability that a visit would be seen, 0 to 1: the month's share of other arrivals followed to the ground, or close to it; null if unmeasured"}
  detection_basis: {type: VARCHAR, doc: "What it was measured on, in words"}
  background_aircraft: {type: INTEGER, doc: "Other aircraft heard within 50 NM"}
  interference: {type: VARCHAR, values: [none, suspected], doc: "GNSS spoofing or jamming near the base"}
*/
-- A day on which a network reported no base at all was scanned for the watch list only: it says nothing of the rest.
WITH looked AS (
    SELECT DISTINCT
        source,
        network,
        day
    FROM staging.stg_readsb__background
),

-- a network that ever listened at a base is expected there on every day that was looked at
listeners AS (
    SELECT DISTINCT
        source,
        network,
        base_id
    FROM staging.stg_readsb__background
),

spine AS (
    SELECT
        n.base_id,
        c.day,
        n.source,
        n.network
    FROM intermediate.int_covered_days AS c
    INNER JOIN listeners AS n ON c.source = n.source AND c.base_id = n.base_id
    INNER JOIN looked AS k ON n.source = k.source AND n.network = k.network AND c.day = k.day
    WHERE c.is_whole AND c.is_archive
),

days AS (
    SELECT
        s.base_id,
        s.day,
        s.source,
        s.network,
        coalesce(b.aircraft_50nm, 0) AS aircraft_50nm,
        coalesce(b.aircraft_25nm, 0) AS aircraft_25nm,
        coalesce(b.aircraft_low, 0) AS aircraft_low,
        coalesce(b.arrivals, 0) AS arrivals,
        coalesce(b.arrivals_followed, 0) AS arrivals_followed,
        coalesce(b.jumped_aircraft, 0) AS jumped_aircraft,
        coalesce(b.stacked_aircraft, 0) AS stacked_aircraft
    FROM spine AS s
    LEFT JOIN staging.stg_readsb__background AS b
        ON s.base_id = b.base_id AND s.day = b.day AND s.source = b.source AND s.network = b.network
),

trends AS (
    SELECT
        *,
        median(aircraft_50nm) OVER (
            PARTITION BY base_id, source, network
            ORDER BY day - DATE '1970-01-01'
            RANGE BETWEEN $coverage_trailing_days PRECEDING AND 1 PRECEDING
        ) AS usual_aircraft,
        sum(arrivals) OVER in_month AS month_arrivals,
        sum(arrivals_followed) OVER in_month AS month_followed,
        sum(aircraft_25nm) OVER in_month AS month_25nm,
        sum(aircraft_50nm) OVER in_month AS month_50nm
    FROM days
    WINDOW in_month AS (PARTITION BY base_id, source, network, date_trunc('month', day))
),

-- positions that cannot be true, of any aircraft near the base
untrue AS (
    SELECT
        coalesce(first_base_id, last_base_id) AS base_id,
        day_of_s(start_s) AS day,
        count(DISTINCT icao24) AS aircraft
    FROM intermediate.int_track_stretches
    WHERE suspect IS NOT NULL AND coalesce(first_base_id, last_base_id) IS NOT NULL
    GROUP BY ALL
),

measured AS (
    SELECT
        t.*,
        CASE
            WHEN t.month_arrivals >= $coverage_min_background
                THEN (0.5 + least(t.month_followed, t.month_arrivals)) / (1 + t.month_arrivals)
        END AS detection,
        -- too little traffic of the day before to say what is usual counts as nothing expected
        coalesce(
            t.usual_aircraft >= $coverage_min_background
            AND t.aircraft_50nm < $coverage_blind_share * t.usual_aircraft,
            FALSE
        ) AS is_hushed,
        t.stacked_aircraft >= $interference_min_stacked
        OR (
            t.jumped_aircraft >= $interference_min_aircraft
            AND t.jumped_aircraft >= $interference_min_jump_share * t.aircraft_50nm
        )
        OR coalesce(u.aircraft >= $interference_min_aircraft, FALSE) AS is_suspected
    FROM trends AS t
    LEFT JOIN untrue AS u ON t.base_id = u.base_id AND t.day = u.day
)

SELECT
    base_id,
    day,
    source,
    network,
    aircraft_low > 0 AND NOT is_hushed AND coalesce(detection >= $coverage_poor, TRUE) AS has_background,
    is_hushed OR coalesce(detection < $coverage_poor, FALSE) AS is_blind,
    detection,
    CASE
        WHEN detection IS NOT NULL
            THEN format(
                '{:d} of {:d} other arrivals that month were followed to the ground, or close to it',
                month_followed::BIGINT,
                month_arrivals::BIGINT
            )
        WHEN month_25nm >= $coverage_min_background
            THEN format(
                'unmeasured: {:d} other arrivals that month; ring widened to 25 NM, where {:d} aircraft were heard',
                month_arrivals::BIGINT,
                month_25nm::BIGINT
            )
        WHEN month_50nm >= $coverage_min_background
            THEN format(
                'unmeasured: {:d} other arrivals that month; ring widened to 50 NM, where {:d} aircraft were heard',
                month_arrivals::BIGINT,
                month_50nm::BIGINT
            )
        ELSE format('unmeasured: {:d} aircraft within 50 NM that month', month_50nm::BIGINT)
    END AS detection_basis,
    aircraft_50nm AS background_aircraft,
    CASE WHEN is_suspected THEN 'suspected' ELSE 'none' END AS interference
FROM measured
