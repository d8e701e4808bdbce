/*
grain: one row per pair of address and registration that any record, trace or press report states
key: [icao24, registration]
columns:
  icao24: {type: VARCHAR, doc: "Address as stated, null where none is"}
  registration: {type: VARCHAR, doc: "Registration as stated, null where none is"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft that is meant"}
  type_code: {type: VARCHAR, doc: "ICAO type designator most often stated with the pair"}
  is_military: {type: BOOLEAN, doc: "Whether a trace carried the military flag; null where none carried flags"}
  sightings: {type: BIGINT, doc: "How many records state the pair"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First of them"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last of them"}
*/
-- An address with a registration, stated or registered, is the airframe of both; without one it is itself. A
-- registration without an address is its airframe where only one is meant: of several those on record come first, then
-- those of the stated type. Else the registration is the key, in the spelling most often stated (RA-85563, RA85563).
WITH airframes AS (
    SELECT
        mark,
        airframe,
        min(aircraft) AS aircraft,
        max(type_code) AS type_code,
        bool_or(is_recorded) AS is_recorded
    FROM intermediate.int_aircraft_addresses
    GROUP BY mark, airframe
    QUALIFY bool_or(is_recorded) OR NOT bool_or(bool_or(is_recorded)) OVER (PARTITION BY mark)
),

meant AS (
    SELECT
        s.registration,
        CASE
            WHEN count(*) = 1 THEN min(f.aircraft)
            WHEN count(*) FILTER (WHERE f.type_code = s.type_code) = 1 THEN min(f.aircraft) FILTER (WHERE f.type_code = s.type_code)
        END AS aircraft
    FROM intermediate.int_aircraft_statements AS s
    INNER JOIN airframes AS f ON s.mark = f.mark
    WHERE s.icao24 IS NULL
    GROUP BY s.registration
),

spelling_of_mark AS (
    SELECT
        mark,
        arg_max(registration, (sightings, registration)) AS registration
    FROM intermediate.int_aircraft_statements
    WHERE mark IS NOT NULL
    GROUP BY mark
)

SELECT
    s.icao24,
    s.registration,
    CASE WHEN s.icao24 IS NULL THEN coalesce(m.aircraft, 'reg:' || n.registration) ELSE coalesce(a.aircraft, s.icao24) END AS aircraft,
    s.type_code,
    s.is_military,
    s.sightings,
    s.first_seen_at,
    s.last_seen_at
FROM intermediate.int_aircraft_statements AS s
LEFT JOIN intermediate.int_aircraft_addresses AS a ON s.of_mark = a.mark AND s.icao24 = a.icao24
LEFT JOIN meant AS m ON s.registration = m.registration
LEFT JOIN spelling_of_mark AS n ON s.mark = n.mark
