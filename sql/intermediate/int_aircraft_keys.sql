/*
grain: one row per pair of address and registration that any record, trace or press report states
key: [icao24, registration]
columns:
  icao24: {type: VARCHAR, doc: "Address as stated, null where none is"}
  registration: {type: VARCHAR, doc: "Registration as stated, null where none is"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft that is meant"}
  sightings: {type: BIGINT, doc: "How many records state the pair"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First of them"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last of them"}
*/
-- One airframe can stand under two addresses (RA-85563: 149C77 in flight records, 154E3B in a register). Its
-- registration ties them: the address most often stated with it is the key. An address without a registration is itself.
-- Without any address the registration is the key, in the spelling most often stated (RA-85563, RA85563).
WITH stated AS (
    SELECT
        icao24,
        registration,
        count(*) AS sightings,
        -- a record may merge legs, its landing before its take-off: no single field is surely the first or last
        min(least(first_seen_at, departed_at, arrived_at, last_seen_at)) AS first_seen_at,
        max(greatest(first_seen_at, departed_at, arrived_at, last_seen_at)) AS last_seen_at
    FROM intermediate.int_flight_records
    WHERE icao24 IS NOT NULL OR registration IS NOT NULL
    GROUP BY icao24, registration

    UNION ALL
    SELECT
        icao24,
        registration,
        sightings,
        first_seen_at,
        last_seen_at
    FROM intermediate.int_track_identities

    UNION ALL
    SELECT
        NULL AS icao24,
        registration,
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
        replace(registration, '-', '') AS mark,
        sum(sightings) AS sightings,
        min(first_seen_at) AS first_seen_at,
        max(last_seen_at) AS last_seen_at
    FROM stated
    GROUP BY icao24, registration
),

address_of_mark AS (
    SELECT
        mark,
        arg_max(icao24, (sightings, icao24)) AS icao24
    FROM pairs
    WHERE icao24 IS NOT NULL AND mark IS NOT NULL
    GROUP BY mark
),

-- the register helps only where it knows one address for the registration
register AS (
    SELECT
        replace(upper(registration), '-', '') AS mark,
        min(icao24) AS icao24
    FROM reference.aircraft
    WHERE registration IS NOT NULL
    GROUP BY mark
    HAVING count(DISTINCT icao24) = 1
),

mark_of_address AS (
    SELECT
        icao24,
        arg_max(mark, (sightings, mark)) AS mark
    FROM pairs
    WHERE icao24 IS NOT NULL AND mark IS NOT NULL
    GROUP BY icao24
),

spelling_of_mark AS (
    SELECT
        mark,
        arg_max(registration, (sightings, registration)) AS registration
    FROM pairs
    WHERE mark IS NOT NULL
    GROUP BY mark
)

SELECT
    p.icao24,
    p.registration,
    coalesce(
        CASE WHEN p.mark IS NOT NULL THEN a.icao24 ELSE coalesce(b.icao24, p.icao24) END,
        r.icao24,
        'reg:' || s.registration
    ) AS aircraft,
    p.sightings,
    p.first_seen_at,
    p.last_seen_at
FROM pairs AS p
LEFT JOIN address_of_mark AS a ON p.mark = a.mark
LEFT JOIN register AS r ON p.mark = r.mark
LEFT JOIN spelling_of_mark AS s ON p.mark = s.mark
LEFT JOIN mark_of_address AS m ON p.mark IS NULL AND p.icao24 = m.icao24
LEFT JOIN address_of_mark AS b ON m.mark = b.mark
