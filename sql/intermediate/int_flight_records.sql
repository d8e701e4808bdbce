/*
grain: one row per flight record of any provider, known errors corrected
key: [source, record_id]
columns:
  source: {type: VARCHAR, doc: "Code of the source module that brought the record"}
  record_id: {type: VARCHAR, doc: "The provider's identifier of the record"}
  evidence_id: {type: VARCHAR, doc: "Provider and record identifier, as quoted in evidence lists"}
  icao24: {type: VARCHAR, doc: "24-bit address; null where the record has none"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  operator: {type: VARCHAR, doc: "Operator as the record states it"}
  origin_icao: {type: VARCHAR, doc: "Airport of take-off"}
  departed_at: {type: TIMESTAMPTZ, doc: "Take-off"}
  destination_icao: {type: VARCHAR, doc: "Airport of landing"}
  planned_icao: {type: VARCHAR, doc: "Planned destination"}
  arrived_at: {type: TIMESTAMPTZ, doc: "Landing"}
  first_seen_at: {type: TIMESTAMPTZ, doc: "First contact"}
  last_seen_at: {type: TIMESTAMPTZ, doc: "Last contact"}
  is_estimate: {type: BOOLEAN, doc: "Airports and times are the provider's estimates"}
*/
WITH records AS (
    SELECT * FROM staging.stg_flightradar24__flights
    UNION ALL BY NAME
    SELECT * FROM staging.stg_opensky__flights
    UNION ALL BY NAME
    SELECT * FROM staging.stg_plain__flights
),

fixes AS (
    SELECT
        record_id,
        map_from_entries(list(struct_pack(k := "column", v := value))) AS fix
    FROM reference.corrections
    WHERE target = 'flight_records' AND status = 'active'
    GROUP BY record_id
)

SELECT
    r.source,
    r.record_id,
    r.evidence_id,
    coalesce(f.fix['icao24'], r.icao24) AS icao24,
    coalesce(f.fix['registration'], r.registration) AS registration,
    coalesce(f.fix['callsign'], r.callsign) AS callsign,
    coalesce(f.fix['type_code'], r.type_code) AS type_code,
    r.operator,
    coalesce(f.fix['origin_icao'], r.origin_icao) AS origin_icao,
    coalesce(f.fix['departed_at']::TIMESTAMPTZ, r.departed_at) AS departed_at,
    coalesce(f.fix['destination_icao'], r.destination_icao) AS destination_icao,
    r.planned_icao,
    coalesce(f.fix['arrived_at']::TIMESTAMPTZ, r.arrived_at) AS arrived_at,
    r.first_seen_at,
    r.last_seen_at,
    r.is_estimate
FROM records AS r
LEFT JOIN fixes AS f ON r.record_id = f.record_id
