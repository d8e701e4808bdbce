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
WITH records AS NOT MATERIALIZED (
    SELECT * FROM staging.stg_flightradar24__flights
    UNION ALL BY NAME
    SELECT * FROM staging.stg_opensky__flights
    UNION ALL BY NAME
    SELECT * FROM staging.stg_plain__flights
),

-- a correction applies only while the record still says what the correction expects of it
fixes AS (
    SELECT
        r.source,
        r.record_id,
        map_from_entries(list(struct_pack(k := c."column", v := c.value))) AS fix
    FROM reference.corrections AS c
    INNER JOIN records AS r ON c.record_id = r.record_id
    WHERE
        c.target = 'flight_records'
        AND c.status = 'active'
        AND CASE c."column"
            WHEN 'icao24' THEN r.icao24 IS NOT DISTINCT FROM c.expected
            WHEN 'registration' THEN r.registration IS NOT DISTINCT FROM c.expected
            WHEN 'callsign' THEN r.callsign IS NOT DISTINCT FROM c.expected
            WHEN 'type_code' THEN r.type_code IS NOT DISTINCT FROM c.expected
            WHEN 'origin_icao' THEN r.origin_icao IS NOT DISTINCT FROM c.expected
            WHEN 'departed_at' THEN r.departed_at IS NOT DISTINCT FROM c.expected::TIMESTAMPTZ
            WHEN 'destination_icao' THEN r.destination_icao IS NOT DISTINCT FROM c.expected
            WHEN 'arrived_at' THEN r.arrived_at IS NOT DISTINCT FROM c.expected::TIMESTAMPTZ
        END
    GROUP BY r.source, r.record_id
)

SELECT
    r.source,
    r.record_id,
    r.evidence_id,
    CASE WHEN map_contains(f.fix, 'icao24') THEN f.fix['icao24'] ELSE r.icao24 END AS icao24,
    CASE WHEN map_contains(f.fix, 'registration') THEN f.fix['registration'] ELSE r.registration END AS registration,
    CASE WHEN map_contains(f.fix, 'callsign') THEN f.fix['callsign'] ELSE r.callsign END AS callsign,
    CASE WHEN map_contains(f.fix, 'type_code') THEN f.fix['type_code'] ELSE r.type_code END AS type_code,
    r.operator,
    CASE WHEN map_contains(f.fix, 'origin_icao') THEN f.fix['origin_icao'] ELSE r.origin_icao END AS origin_icao,
    CASE WHEN map_contains(f.fix, 'departed_at') THEN f.fix['departed_at']::TIMESTAMPTZ ELSE r.departed_at END AS departed_at,
    CASE WHEN map_contains(f.fix, 'destination_icao') THEN f.fix['destination_icao'] ELSE r.destination_icao END AS destination_icao,
    r.planned_icao,
    CASE WHEN map_contains(f.fix, 'arrived_at') THEN f.fix['arrived_at']::TIMESTAMPTZ ELSE r.arrived_at END AS arrived_at,
    r.first_seen_at,
    r.last_seen_at,
    r.is_estimate
FROM records AS r
LEFT JOIN fixes AS f ON r.source = f.source AND r.record_id = f.record_id
