/*
grain: one row per base, UTC day and network that listened, on days that were taken in whole
key: [base_id, day, source, network]
empty_without: [intermediate.int_listened_days]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  day: {type: DATE, doc: "UTC day"}
  source: {type: VARCHAR, doc: "Code of the source module"}
  network: {type: VARCHAR, doc: "Network whose receivers listened"}
  has_background: {type: BOOLEAN, doc: "What was heard low near the field proves that it could be seen"}
  is_blind: {type: BOOLEAN, doc: "What should have been heard was not, or arrivals are measured to be missed too often"}
  detection: {type: DOUBLE, doc: "Probability that a visit would be seen, 0 to 1: the share of other arrivals around that day that were followed to the ground, or low; less where flights were lost that are heard otherwise; null if unmeasured"}
  detection_basis: {type: VARCHAR, doc: "What it was measured on, in words"}
  background_aircraft: {type: INTEGER, doc: "Other aircraft heard within 50 NM"}
  usual_aircraft: {type: DOUBLE, doc: "How many are heard there on such a day when the receivers are up; null where too few days tell"}
  p_so_few: {type: DOUBLE, doc: "Chance of so few, on this day and those beside it that are as quiet, were the receivers up; null without a usual"}
  interference: {type: VARCHAR, values: [none, suspected], doc: "GNSS spoofing or jamming near the base"}
*/
-- Three questions in turn. Were the receivers up: were so few heard within 50 NM, or within 100 at any height, that chance
-- does not explain it? Did they hear low flights, as they do otherwise: were so few heard low, or within 25 NM? How many of
-- the arrivals that they did hear were followed down? A day on which anybody was heard low answers the first by itself; a
-- day on which anybody was heard at the field is not blind.
WITH rings AS (
    SELECT
        base_id,
        day,
        source,
        network,
        bool_or(is_hushed) FILTER (WHERE ring IN ('wide', 'far')) AS is_hushed,
        any_value(usual_aircraft) FILTER (WHERE ring = 'far') AS usual_aircraft,
        min(p_so_few) FILTER (WHERE ring IN ('wide', 'far')) AS p_so_few,
        bool_or(is_hushed) FILTER (WHERE ring IN ('near', 'low')) AS is_near_hushed,
        -- the ring in which least of the usual was heard: structures are compared by their first fields first
        min({
            'share': (0.5 + run_aircraft) / (1 + run_usual),
            'ring': ring,
            'aircraft': run_aircraft,
            'usual': run_usual,
            'days': run_days
        }) FILTER (WHERE is_hushed) AS hush
    FROM intermediate.int_ring_days
    GROUP BY base_id, day, source, network
),

days AS (
    SELECT
        l.*,
        coalesce(r.is_hushed, FALSE) AS is_hushed,
        coalesce(r.is_near_hushed, FALSE) AS is_near_hushed,
        r.usual_aircraft,
        r.p_so_few,
        r.hush,
        l.day - DATE '1970-01-01' AS day_no,
        -- arrivals of days on which low flights were lost say nothing of the others
        CASE WHEN coalesce(r.is_near_hushed, FALSE) THEN 0 ELSE l.arrivals END AS arrivals_told,
        CASE WHEN coalesce(r.is_near_hushed, FALSE) THEN 0 ELSE l.arrivals_followed END AS followed_told
    FROM intermediate.int_listened_days AS l
    LEFT JOIN rings AS r
        ON l.base_id = r.base_id AND l.day = r.day AND l.source = r.source AND l.network = r.network
),

summed AS (
    SELECT
        *,
        sum(arrivals_told) OVER narrow AS narrow_arrivals,
        sum(followed_told) OVER narrow AS narrow_followed,
        sum(arrivals_told) OVER wide AS wide_arrivals,
        sum(followed_told) OVER wide AS wide_followed,
        sum(aircraft_25nm) OVER wide AS wide_25nm,
        sum(aircraft_50nm) OVER wide AS wide_50nm
    FROM days
    WINDOW
        narrow AS (
            PARTITION BY base_id, source, network ORDER BY day_no
            RANGE BETWEEN $coverage_detection_days PRECEDING AND $coverage_detection_days FOLLOWING
        ),
        wide AS (
            PARTITION BY base_id, source, network ORDER BY day_no
            RANGE BETWEEN $coverage_detection_most_days PRECEDING AND $coverage_detection_most_days FOLLOWING
        )
),

-- the nearest arrivals, as long as they are enough
pooled AS (
    SELECT
        *,
        narrow_arrivals >= $coverage_min_background AS is_narrow,
        CASE WHEN narrow_arrivals >= $coverage_min_background THEN narrow_arrivals ELSE wide_arrivals END AS arrivals_near,
        CASE WHEN narrow_arrivals >= $coverage_min_background THEN narrow_followed ELSE wide_followed END AS followed_near
    FROM summed
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
        p.*,
        CASE
            WHEN p.arrivals_near >= $coverage_min_background THEN (0.5 + p.followed_near) / (1 + p.arrivals_near)
        END AS usual_detection,
        -- high flights do not make up for low ones that were lost
        p.is_near_hushed OR (p.is_hushed AND NOT p.is_low_heard) AS is_lost,
        p.stacked_aircraft >= $interference_min_stacked
        OR (
            p.jumped_aircraft >= $interference_min_aircraft
            AND p.jumped_aircraft >= $interference_min_jump_share * p.aircraft_50nm
        )
        OR coalesce(u.aircraft >= $interference_min_aircraft, FALSE) AS is_suspected
    FROM pooled AS p
    LEFT JOIN untrue AS u ON p.base_id = u.base_id AND p.day = u.day
),

judged AS (
    SELECT
        *,
        -- where flights of a kind are lost that are heard otherwise, a visit is seen as seldom as they are
        CASE
            WHEN is_lost THEN least(coalesce(usual_detection, 1), hush.share)
            ELSE usual_detection
        END AS detection
    FROM measured
),

blind AS (
    SELECT
        *,
        (is_hushed AND NOT is_low_heard)
        OR (coalesce(detection < $coverage_poor, FALSE) AND NOT is_field_heard) AS is_blind
    FROM judged
)

SELECT
    base_id,
    day,
    source,
    network,
    (is_field_heard OR (is_low_heard AND NOT is_hushed)) AND NOT is_blind AS has_background,
    is_blind,
    detection,
    CASE
        WHEN is_lost
            THEN format(
                '{:d} aircraft heard {} in {:d} days, where {:.1f} are usual',
                hush.aircraft::BIGINT,
                CASE hush.ring
                    WHEN 'low' THEN 'low near the field'
                    WHEN 'near' THEN 'within 25 NM'
                    WHEN 'far' THEN 'within 50 NM'
                    ELSE 'within 100 NM'
                END,
                hush.days,
                hush.usual
            )
        WHEN detection IS NOT NULL
            THEN format(
                '{:d} of {:d} other arrivals within {:d} days were followed to the ground, or low',
                followed_near::BIGINT,
                arrivals_near::BIGINT,
                CASE WHEN is_narrow THEN $coverage_detection_days ELSE $coverage_detection_most_days END::BIGINT
            )
        WHEN wide_25nm >= $coverage_min_background
            THEN format(
                'unmeasured: {:d} other arrivals within {:d} days; ring widened to 25 NM, where {:d} aircraft were heard',
                wide_arrivals::BIGINT,
                $coverage_detection_most_days::BIGINT,
                wide_25nm::BIGINT
            )
        WHEN wide_50nm >= $coverage_min_background
            THEN format(
                'unmeasured: {:d} other arrivals within {:d} days; ring widened to 50 NM, where {:d} aircraft were heard',
                wide_arrivals::BIGINT,
                $coverage_detection_most_days::BIGINT,
                wide_50nm::BIGINT
            )
        ELSE format(
            'unmeasured: {:d} aircraft within 50 NM in {:d} days around',
            wide_50nm::BIGINT,
            (2 * $coverage_detection_most_days + 1)::BIGINT
        )
    END AS detection_basis,
    aircraft_50nm AS background_aircraft,
    usual_aircraft,
    p_so_few,
    CASE WHEN is_suspected THEN 'suspected' ELSE 'none' END AS interference
FROM blind
