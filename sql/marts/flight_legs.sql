/*
grain: one row per flight of one aircraft between two places, as far as records and tracks show it
key: [leg_id]
columns:
  leg_id: {type: VARCHAR, doc: "Made from aircraft and first time on record"}
  icao24: {type: VARCHAR, doc: "24-bit address, or reg:<REGISTRATION>"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  departed_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Take-off; null when not known"}
  arrived_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Landing; null when not known"}
  origin_icao: {type: VARCHAR, doc: "Airport of take-off: ICAO code, or else OurAirports identifier; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Airport of landing: ICAO code, or else OurAirports identifier; null when unknown"}
  origin_base_id: {type: VARCHAR, doc: "The origin, where it is a watched base"}
  destination_base_id: {type: VARCHAR, doc: "The destination, where it is a watched base"}
  origin_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "How the leg begins: at a known field, outside the area looked at, or nobody can say"}
  destination_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "How it ends"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed it"}
  confidence: {type: INTEGER, doc: "4 strongest to 1"}
*/
-- A record whose landing lies before its take-off holds the ends of two legs: the one that came in, the one that left.
-- Kept in one file: rows are found, merged and put back by their place in other tables, which no further table keeps.
WITH records AS NOT MATERIALIZED (
    SELECT
        r.rowid * 3 AS row_no,
        k.aircraft AS icao24,
        r.callsign,
        r.departed_at,
        r.arrived_at,
        r.origin_icao,
        r.destination_icao,
        r.source,
        CASE WHEN r.is_estimate THEN 2 ELSE 3 END AS confidence,
        coalesce(
            r.arrived_at < r.departed_at
            OR (r.origin_icao = r.destination_icao AND r.arrived_at IS NOT NULL AND r.departed_at IS NOT NULL),
            FALSE
        ) AS is_merged
    FROM intermediate.int_flight_records AS r
    INNER JOIN intermediate.int_aircraft_keys AS k
        ON r.icao24 IS NOT DISTINCT FROM k.icao24 AND r.registration IS NOT DISTINCT FROM k.registration
    WHERE r.departed_at IS NOT NULL OR r.arrived_at IS NOT NULL
),

record_legs AS NOT MATERIALIZED (
    SELECT * EXCLUDE (is_merged)
    FROM records
    WHERE NOT is_merged

    UNION ALL BY NAME
    SELECT
        row_no + 1 AS row_no,
        icao24,
        callsign,
        departed_at,
        origin_icao,
        source,
        confidence
    FROM records
    WHERE is_merged

    UNION ALL BY NAME
    SELECT
        row_no + 2 AS row_no,
        icao24,
        callsign,
        arrived_at,
        destination_icao,
        source,
        confidence
    FROM records
    WHERE is_merged
),

trace_legs AS NOT MATERIALIZED (
    SELECT
        -1 - t.rowid AS row_no,
        t.* EXCLUDE (first_s) REPLACE (coalesce(k.aircraft, t.icao24) AS icao24)
    FROM intermediate.int_trace_legs AS t
    LEFT JOIN (
        SELECT
            icao24,
            arg_max(aircraft, (sightings, aircraft)) AS aircraft
        FROM intermediate.int_aircraft_keys
        WHERE icao24 IS NOT NULL
        GROUP BY icao24
    ) AS k ON t.icao24 = k.icao24
    WHERE coalesce(t.departed_at, t.arrived_at) IS NOT NULL
),

legs AS NOT MATERIALIZED (
    SELECT
        r.row_no,
        r.icao24,
        r.callsign,
        r.departed_at,
        r.arrived_at,
        coalesce(o.icao, r.origin_icao) AS origin_icao,
        coalesce(d.icao, r.destination_icao) AS destination_icao,
        o.base_id AS origin_base_id,
        d.base_id AS destination_base_id,
        CASE WHEN r.origin_icao IS NULL THEN 'undetermined' ELSE 'field' END AS origin_state,
        CASE WHEN r.destination_icao IS NULL THEN 'undetermined' ELSE 'field' END AS destination_state,
        [r.source] AS sources,
        r.confidence
    FROM record_legs AS r
    LEFT JOIN intermediate.int_field_codes AS o ON r.origin_icao = o.code
    LEFT JOIN intermediate.int_field_codes AS d ON r.destination_icao = d.code

    UNION ALL BY NAME
    SELECT * FROM trace_legs
),

-- witnesses of one leg agree on its take-off, or on its landing, within $stay_merge_minutes, and none sees it leave after
-- another saw it land; nearly every leg has one witness: the others are found by narrow columns, and only they are
-- sorted into groups
timed AS (
    SELECT
        row_no,
        hash(icao24) AS whose,
        epoch_us(departed_at) AS departed_us,
        epoch_us(arrived_at) AS arrived_us,
        epoch_us(coalesce(departed_at, arrived_at)) AS began_us
    FROM (
        SELECT * FROM record_legs
        UNION ALL BY NAME
        SELECT * FROM trace_legs
    ) AS l
),

compared AS (
    SELECT
        row_no,
        least(
            abs(departed_us - lag(departed_us) OVER in_time),
            abs(arrived_us - lag(arrived_us) OVER in_time),
            abs(departed_us - lead(departed_us) OVER in_time),
            abs(arrived_us - lead(arrived_us) OVER in_time)
        ) AS from_next_us,
        least(
            began_us // 1000000 - lag(began_us // 1000000) OVER in_time,
            lead(began_us // 1000000) OVER in_time - began_us // 1000000
        ) AS from_next_s
    FROM timed
    WINDOW in_time AS (PARTITION BY whose ORDER BY began_us, arrived_us, departed_us)
),

near AS (
    SELECT row_no
    FROM compared
    WHERE from_next_us <= us_of_minutes($stay_merge_minutes) OR from_next_s = 0
),

crowded AS (
    SELECT
        *,
        (-confidence, departed_us IS NULL, began_us, coalesce(arrived_us, 0), sources, coalesce(callsign, '')) AS strength,
        origin_icao IS NOT NULL OR origin_base_id IS NOT NULL AS has_origin,
        destination_icao IS NOT NULL OR destination_base_id IS NOT NULL AS has_destination,
        coalesce(
            (
                abs(departed_us - lag(departed_us) OVER in_order) <= us_of_minutes($stay_merge_minutes)
                OR abs(arrived_us - lag(arrived_us) OVER in_order) <= us_of_minutes($stay_merge_minutes)
            )
            AND coalesce(departed_us < lag(arrived_us) OVER in_order, TRUE),
            FALSE
        ) AS is_same
    FROM (
        SELECT
            *,
            epoch_us(departed_at) AS departed_us,
            epoch_us(arrived_at) AS arrived_us,
            epoch_us(coalesce(departed_at, arrived_at)) AS began_us
        FROM legs
        WHERE row_no IN (SELECT row_no FROM near)
    ) AS l
    WINDOW in_order AS (
        PARTITION BY icao24
        ORDER BY began_us, arrived_us, departed_us, sources, callsign, origin_icao, destination_icao, confidence
    )
),

numbered AS (
    SELECT
        *,
        count_if(NOT is_same) OVER (
            PARTITION BY icao24
            ORDER BY began_us, arrived_us, departed_us, sources, callsign, origin_icao, destination_icao, confidence
            ROWS UNBOUNDED PRECEDING
        ) AS leg_no
    FROM crowded
),

merged AS (
    SELECT
        icao24,
        arg_min(callsign, strength) AS callsign,
        arg_min(departed_at, strength) AS departed_at,
        arg_min(arrived_at, strength) AS arrived_at,
        arg_min_null(origin_icao, strength) FILTER (WHERE has_origin) AS origin_icao,
        arg_min_null(destination_icao, strength) FILTER (WHERE has_destination) AS destination_icao,
        arg_min_null(origin_base_id, strength) FILTER (WHERE has_origin) AS origin_base_id,
        arg_min_null(destination_base_id, strength) FILTER (WHERE has_destination) AS destination_base_id,
        min(origin_state) AS origin_state,
        min(destination_state) AS destination_state,
        list_sort(list_distinct(flatten(list(sources)))) AS sources,
        max(confidence) AS confidence,
        min(began_us) AS began_us
    FROM numbered
    GROUP BY icao24, leg_no
),

told AS (
    SELECT
        icao24,
        callsign,
        departed_at,
        arrived_at,
        origin_icao,
        destination_icao,
        origin_base_id,
        destination_base_id,
        origin_state,
        destination_state,
        sources,
        confidence,
        epoch_us(coalesce(departed_at, arrived_at)) AS began_us,
        1 AS in_second
    FROM legs
    WHERE row_no NOT IN (SELECT row_no FROM near)

    UNION ALL BY NAME
    SELECT
        *,
        row_number() OVER (
            PARTITION BY icao24, began_us // 1000000
            ORDER BY began_us, arrived_at, departed_at, origin_icao, destination_icao, callsign, sources
        ) AS in_second
    FROM merged
)

SELECT
    id_of_aircraft(icao24)
    || '-' || strftime(make_timestamp(began_us), '%Y%m%dT%H%M%S')
    || CASE WHEN in_second = 1 THEN '' ELSE '-' || in_second END AS leg_id,
    icao24,
    callsign,
    departed_at,
    -- two witnesses can disagree so far that the landing of one lies before the take-off of the other: the earlier end stays
    CASE WHEN departed_at > arrived_at THEN NULL ELSE arrived_at END AS arrived_at,
    origin_icao,
    destination_icao,
    origin_base_id,
    destination_base_id,
    origin_state,
    destination_state,
    sources,
    confidence
FROM told
