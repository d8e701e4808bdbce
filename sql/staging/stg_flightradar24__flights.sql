/*
grain: one row per Flightradar24 flight-summary record and the source that brought it
key: [source, record_id]
empty_without: [raw.flightradar24_flights]
kind: view
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
    'flightradar24:' || record_id AS evidence_id,
    CASE WHEN regexp_full_match(lower(hex), '[0-9a-f]{6}') THEN lower(hex) END AS icao24,
    code_or_null(reg) AS registration,
    nullif(trim(callsign), '') AS callsign,
    code_or_null(type) AS type_code,
    coalesce(operating_as, painted_as) AS operator,
    upper(orig_icao) AS origin_icao,
    datetime_takeoff AS departed_at,
    upper(dest_icao_actual) AS destination_icao,
    upper(dest_icao) AS planned_icao,
    datetime_landed AS arrived_at,
    first_seen AS first_seen_at,
    last_seen AS last_seen_at,
    FALSE AS is_estimate
FROM raw.flightradar24_flights
-- a record may have been fetched while the flight went on, and again when it had ended
QUALIFY row_number() OVER (
    PARTITION BY source, record_id ORDER BY fetched_at DESC NULLS LAST, last_seen DESC NULLS LAST, day DESC
) = 1
