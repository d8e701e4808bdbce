/*
grain: one row per pair of address and registration that any record, trace or press report states
key: [icao24, registration]
columns:
  icao24: {type: VARCHAR, doc: "Address as stated, null where none is"}
  registration: {type: VARCHAR, doc: "Registration as stated, null where none is"}
  mark: {type: VARCHAR, doc: "The registration without hyphens; null with an address that is not ICAO's own (~), which proves nothing"}
  of_mark: {type: VARCHAR, doc: "Where no registration is stated: the one most often stated with the address, else the one that every register gives it"}
  type_code: {type: VARCHAR, doc: "ICAO type designator most often stated with the pair"}
  is_military: {type: BOOLEAN, doc: "Whether a trace carried the military flag; null where none carried flags"}
  sightings: {type: BIGINT, doc: "How many records, and days with a trace, state the pair; 0: the press alone"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First of them"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last of them"}
*/
WITH stated AS (
    SELECT
        icao24,
        registration,
        type_code,
        NULL AS is_military,
        count(*) AS sightings,
        -- a record may merge legs, its landing before its take-off: no single field is surely the first or last
        min(least(first_seen_at, departed_at, arrived_at, last_seen_at)) AS first_seen_at,
        max(greatest(first_seen_at, departed_at, arrived_at, last_seen_at)) AS last_seen_at
    FROM intermediate.int_flight_records
    WHERE icao24 IS NOT NULL OR registration IS NOT NULL
    GROUP BY icao24, registration, type_code

    UNION ALL
    SELECT
        icao24,
        registration,
        type_code,
        is_military,
        sightings,
        first_seen_at,
        last_seen_at
    FROM intermediate.int_track_identities

    UNION ALL
    SELECT
        NULL AS icao24,
        registration,
        NULL AS type_code,
        NULL AS is_military,
        0 AS sightings,
        NULL AS first_seen_at,
        NULL AS last_seen_at
    FROM staging.stg_press__flights
    WHERE registration IS NOT NULL
    GROUP BY registration
),

pairs AS (
    SELECT
        icao24,
        registration,
        CASE WHEN NOT starts_with(coalesce(icao24, ''), '~') THEN mark_of(registration) END AS mark,
        arg_max(type_code, (sightings, type_code)) AS type_code,
        bool_or(is_military) AS is_military,
        sum(sightings) AS sightings,
        min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at
    FROM stated
    GROUP BY icao24, registration
),

mark_of_address AS (
    SELECT
        icao24,
        arg_max(mark, (sightings, mark)) AS mark
    FROM pairs
    WHERE icao24 IS NOT NULL AND mark IS NOT NULL
    GROUP BY icao24
),

-- registers that disagree about an address say nothing
register AS (
    SELECT
        icao24,
        min(mark_of(registration)) AS mark
    FROM reference.aircraft
    WHERE registration IS NOT NULL
    GROUP BY icao24
    HAVING count(DISTINCT mark_of(registration)) = 1
)

SELECT
    p.icao24,
    p.registration,
    p.mark,
    CASE WHEN NOT starts_with(coalesce(p.icao24, ''), '~') THEN coalesce(p.mark, m.mark, r.mark) END AS of_mark,
    p.type_code,
    p.is_military,
    p.sightings,
    p.first_seen_at,
    p.last_seen_at
FROM pairs AS p
LEFT JOIN mark_of_address AS m ON p.icao24 = m.icao24
LEFT JOIN register AS r ON p.icao24 = r.icao24
