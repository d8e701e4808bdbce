/*
grain: one row per flight of one aircraft between two places, as far as records and tracks show it
key: [leg_id]
columns:
  leg_id: {type: VARCHAR, doc: "Made from aircraft and first time on record"}
  icao24: {type: VARCHAR, doc: "24-bit address, or reg:<REGISTRATION>"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  departed_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Take-off; null when not known"}
  arrived_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Landing; null when not known"}
  origin_icao: {type: VARCHAR, doc: "Airport of take-off; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Airport of landing; null when unknown"}
  origin_base_id: {type: VARCHAR, doc: "The origin, where it is a watched base"}
  destination_base_id: {type: VARCHAR, doc: "The destination, where it is a watched base"}
  origin_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "How the leg begins: at a known field, outside the area looked at, or nobody can say"}
  destination_state: {type: VARCHAR, values: [field, out_of_area, undetermined], doc: "How it ends"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed it"}
  confidence: {type: INTEGER, doc: "4 strongest to 1"}
*/
-- A record whose landing lies before its take-off holds the ends of two legs: the one that came in, the one that left.
WITH fields AS (
    SELECT base_id, icao AS code FROM reference.bases WHERE icao IS NOT NULL
    UNION
    SELECT base_id, ident AS code FROM reference.bases WHERE ident IS NOT NULL
),

halves AS (
    SELECT
        *,
        arrived_at < departed_at
        OR (origin_icao = destination_icao AND arrived_at IS NOT NULL AND departed_at IS NOT NULL) AS is_merged
    FROM intermediate.int_flight_records
),

record_legs AS (
    SELECT
        source,
        icao24,
        registration,
        callsign,
        departed_at,
        arrived_at,
        origin_icao,
        destination_icao,
        is_estimate
    FROM halves
    WHERE is_merged IS NOT TRUE AND (departed_at IS NOT NULL OR arrived_at IS NOT NULL)

    UNION ALL
    SELECT
        source,
        icao24,
        registration,
        callsign,
        departed_at,
        NULL AS arrived_at,
        origin_icao,
        NULL AS destination_icao,
        is_estimate
    FROM halves
    WHERE is_merged

    UNION ALL
    SELECT
        source,
        icao24,
        registration,
        callsign,
        NULL AS departed_at,
        arrived_at,
        NULL AS origin_icao,
        destination_icao,
        is_estimate
    FROM halves
    WHERE is_merged
),

legs AS (
    SELECT
        k.aircraft AS icao24,
        r.callsign,
        r.departed_at,
        r.arrived_at,
        r.origin_icao,
        r.destination_icao,
        o.base_id AS origin_base_id,
        d.base_id AS destination_base_id,
        CASE WHEN r.origin_icao IS NULL THEN 'undetermined' ELSE 'field' END AS origin_state,
        CASE WHEN r.destination_icao IS NULL THEN 'undetermined' ELSE 'field' END AS destination_state,
        [r.source] AS sources,
        CASE WHEN r.is_estimate THEN 2 ELSE 3 END AS confidence
    FROM record_legs AS r
    INNER JOIN intermediate.int_aircraft_keys AS k
        ON r.icao24 IS NOT DISTINCT FROM k.icao24 AND r.registration IS NOT DISTINCT FROM k.registration
    LEFT JOIN fields AS o ON r.origin_icao = o.code
    LEFT JOIN fields AS d ON r.destination_icao = d.code

    UNION ALL BY NAME
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
        confidence
    FROM intermediate.int_trace_legs
),

-- witnesses of one leg agree on its take-off, or on its landing, within $stay_merge_minutes
ordered AS (
    SELECT
        *,
        coalesce(departed_at, arrived_at) AS began_at,
        coalesce(
            departed_at - lag(departed_at) OVER in_time > to_minutes($stay_merge_minutes)
            AND coalesce(arrived_at - lag(arrived_at) OVER in_time > to_minutes($stay_merge_minutes), TRUE),
            arrived_at - lag(arrived_at) OVER in_time > to_minutes($stay_merge_minutes),
            TRUE
        ) AS is_new
    FROM legs
    WINDOW in_time AS (PARTITION BY icao24 ORDER BY coalesce(departed_at, arrived_at), arrived_at, sources)
),

numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_new) OVER (
            PARTITION BY icao24 ORDER BY began_at, arrived_at, sources ROWS UNBOUNDED PRECEDING
        ) AS leg_no
    FROM ordered
),

merged AS (
    SELECT
        icao24,
        any_value(callsign ORDER BY confidence DESC, began_at) AS callsign,
        any_value(departed_at ORDER BY confidence DESC, began_at) AS departed_at,
        any_value(arrived_at ORDER BY confidence DESC, began_at) AS arrived_at,
        any_value(origin_icao ORDER BY confidence DESC, began_at) AS origin_icao,
        any_value(destination_icao ORDER BY confidence DESC, began_at) AS destination_icao,
        any_value(origin_base_id ORDER BY confidence DESC, began_at) AS origin_base_id,
        any_value(destination_base_id ORDER BY confidence DESC, began_at) AS destination_base_id,
        min(origin_state) AS origin_state,
        min(destination_state) AS destination_state,
        list_sort(list_distinct(flatten(list(sources)))) AS sources,
        max(confidence) AS confidence,
        min(began_at) AS began_at
    FROM numbered
    GROUP BY icao24, leg_no
)

SELECT
    regexp_replace(lower(icao24), '[^a-z0-9~]+', '_', 'g') || '-' || strftime(began_at, '%Y%m%dT%H%M%S')
    || CASE WHEN row_number() OVER same = 1 THEN '' ELSE '-' || row_number() OVER same END AS leg_id,
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
FROM merged
WINDOW same AS (PARTITION BY icao24, began_at ORDER BY arrived_at, origin_icao, destination_icao)
ORDER BY icao24, began_at
