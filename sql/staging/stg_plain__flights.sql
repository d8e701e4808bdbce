/*
grain: one row per flight record in the project's own plain form
key: [source, record_id]
empty_without: [raw.plain_flights]
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
-- a record can stand under two days; few do, so that only they are sorted
WITH repeated AS (
    SELECT hash(source, record_id) AS which
    FROM raw.plain_flights
    GROUP BY which
    HAVING count(*) > 1
),

latest AS (
    SELECT *
    FROM raw.plain_flights
    WHERE hash(source, record_id) NOT IN (SELECT which FROM repeated)

    UNION ALL
    SELECT *
    FROM raw.plain_flights
    WHERE hash(source, record_id) IN (SELECT which FROM repeated)
    QUALIFY row_number() OVER (PARTITION BY source, record_id ORDER BY arrived_at DESC NULLS LAST, day DESC) = 1
)

SELECT
    source,
    record_id,
    coalesce(url, 'record:' || record_id) AS evidence_id,
    CASE WHEN regexp_full_match(lower(icao24), '~?[0-9a-f]{6}') THEN lower(icao24) END AS icao24,
    code_or_null(registration) AS registration,
    nullif(trim(callsign), '') AS callsign,
    code_or_null(type_code) AS type_code,
    operator,
    upper(origin) AS origin_icao,
    departed_at,
    upper(destination) AS destination_icao,
    NULL AS planned_icao,
    arrived_at,
    departed_at AS first_seen_at,
    arrived_at AS last_seen_at,
    FALSE AS is_estimate
FROM latest
