/*
grain: one row per pair of address and registration that tracks state
key: [icao24, registration]
empty_without: [raw.track_points, raw.track_edges]
columns:
  icao24: {type: VARCHAR, doc: "Address"}
  registration: {type: VARCHAR, doc: "Registration that the archive gives it, null where it gives none"}
  type_code: {type: VARCHAR, doc: "ICAO type designator that the archive gives it"}
  is_military: {type: BOOLEAN, doc: "Whether any position carried the archive's military flag; null where none carried flags"}
  sightings: {type: BIGINT, doc: "Days on which the pair was seen"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First position"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last position"}
*/
WITH seen AS (
    SELECT
        icao24,
        registration,
        type_code,
        db_flags,
        day,
        seen_at
    FROM raw.track_points
    UNION ALL
    SELECT
        icao24,
        registration,
        type_code,
        db_flags,
        day,
        seen_at
    FROM raw.track_edges
)

SELECT
    icao24,
    code_or_null(registration) AS registration,
    max(code_or_null(type_code)) AS type_code,
    bool_or(db_flags & 1 = 1) AS is_military,
    count(DISTINCT day) AS sightings,
    min(seen_at) AS first_seen_at,
    max(seen_at) AS last_seen_at
FROM seen
GROUP BY ALL
