/*
grain: one row per OpenSky flight object and the source that brought it
key: [source, record_id]
empty_without: [raw.opensky_flights]
columns:
  source: {type: VARCHAR, doc: "Code of the source module that brought the record"}
  record_id: {type: VARCHAR, doc: "The provider's identifier of the record"}
  evidence_id: {type: VARCHAR, doc: "Provider and record identifier, as quoted in evidence lists"}
  icao24: {type: VARCHAR, doc: "24-bit address, six lower-case hex digits; null where the record has none"}
  registration: {type: VARCHAR, doc: "Registration mark, upper case, as the record spells it"}
  callsign: {type: VARCHAR, doc: "Callsign, trimmed"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  operator: {type: VARCHAR, doc: "Operator as the record states it"}
  origin_icao: {type: VARCHAR, doc: "Airport of take-off"}
  departed_at: {type: TIMESTAMPTZ, doc: "Take-off"}
  destination_icao: {type: VARCHAR, doc: "Airport of landing as it happened, not as planned"}
  planned_icao: {type: VARCHAR, doc: "Planned destination"}
  arrived_at: {type: TIMESTAMPTZ, doc: "Landing"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First contact of the record"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last contact of the record"}
  is_estimate: {type: BOOLEAN, doc: "The provider infers airports and times from positions and says so"}
*/
SELECT
    source,
    record_id,
    'opensky:' || record_id AS evidence_id,
    CASE WHEN regexp_full_match(lower(icao24), '~?[0-9a-f]{6}') THEN lower(icao24) END AS icao24,
    code_or_null(registration) AS registration,
    nullif(trim(callsign), '') AS callsign,
    code_or_null(type_code) AS type_code,
    operator,
    -- an estimate far from the airport is a guess between receivers, not an airport (sparse coverage)
    CASE
        WHEN
            coalesce(est_departure_airport_horiz_distance, 0) <= $opensky_max_horizontal_m
            AND coalesce(est_departure_airport_vert_distance, 0) <= $opensky_max_vertical_m
            THEN upper(est_departure_airport)
    END AS origin_icao,
    first_seen AS departed_at,
    CASE
        WHEN
            coalesce(est_arrival_airport_horiz_distance, 0) <= $opensky_max_horizontal_m
            AND coalesce(est_arrival_airport_vert_distance, 0) <= $opensky_max_vertical_m
            THEN upper(est_arrival_airport)
    END AS destination_icao,
    NULL AS planned_icao,
    last_seen AS arrived_at,
    first_seen AS first_seen_at,
    last_seen AS last_seen_at,
    TRUE AS is_estimate
FROM raw.opensky_flights
QUALIFY row_number() OVER (PARTITION BY source, record_id ORDER BY last_seen DESC NULLS LAST, day DESC) = 1
