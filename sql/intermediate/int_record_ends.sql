/*
grain: one row per end of a stay that a flight record states
key: [source, evidence_id, base_id, direction]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft: its address, or reg:<REGISTRATION> where none is on record"}
  direction: {type: VARCHAR, values: [arrival, departure, presence], doc: "Which end of a stay the row shows; presence: on the ground, neither end seen"}
  happened_at: {type: TIMESTAMPTZ, doc: "When; for a presence its first evidence"}
  until_at: {type: TIMESTAMPTZ, doc: "When; for a presence its last evidence"}
  evidence: {type: VARCHAR, values: [touchdown, aligned_loss, descent_loss, reappearance, inbound_only, reported], doc: "Sort of evidence"}
  confidence: {type: INTEGER, doc: "4 strongest to 1"}
  rule: {type: VARCHAR, doc: "Which rule fired, in words"}
  other_icao: {type: VARCHAR, doc: "Where it came from (arrival) or went (departure); null when unknown"}
  other_base_id: {type: VARCHAR, doc: "The same, where that place is a watched base"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  source: {type: VARCHAR, doc: "Source that witnessed it"}
  evidence_id: {type: VARCHAR, doc: "Record or trace that a reader can open"}
*/
WITH fields AS (
    -- providers name a field by its ICAO code or by the OurAirports identifier
    SELECT base_id, icao AS code FROM reference.bases WHERE icao IS NOT NULL
    UNION
    SELECT base_id, ident AS code FROM reference.bases WHERE ident IS NOT NULL
),

ends AS (
    SELECT
        *,
        'arrival' AS direction,
        destination_icao AS field,
        coalesce(arrived_at, last_seen_at) AS happened_at,
        arrived_at IS NOT NULL AS has_time,
        origin_icao AS other,
        FALSE AS is_plan
    FROM intermediate.int_flight_records
    WHERE destination_icao IS NOT NULL

    UNION ALL
    SELECT
        *,
        'departure' AS direction,
        origin_icao AS field,
        coalesce(departed_at, first_seen_at) AS happened_at,
        departed_at IS NOT NULL AS has_time,
        destination_icao AS other,
        FALSE AS is_plan
    FROM intermediate.int_flight_records
    WHERE origin_icao IS NOT NULL

    UNION ALL
    SELECT
        *,
        'arrival' AS direction,
        planned_icao AS field,
        last_seen_at AS happened_at,
        FALSE AS has_time,
        origin_icao AS other,
        TRUE AS is_plan
    FROM intermediate.int_flight_records
    WHERE planned_icao IS NOT NULL AND destination_icao IS NULL
)

SELECT
    b.base_id,
    k.aircraft,
    e.direction,
    e.happened_at,
    e.happened_at AS until_at,
    'reported' AS evidence,
    CASE WHEN e.is_plan THEN 1 WHEN e.has_time AND NOT e.is_estimate THEN 3 ELSE 2 END AS confidence,
    CASE
        WHEN e.is_plan THEN 'the record gives ' || e.field || ' as planned destination only'
        WHEN e.is_estimate THEN 'the provider estimates ' || e.field || ' from positions'
        WHEN NOT e.has_time THEN 'the record states ' || e.field || ' without a time; first or last contact stands for it'
        WHEN e.direction = 'arrival' THEN 'the record states a landing at ' || e.field
        ELSE 'the record states a take-off from ' || e.field
    END AS rule,
    -- a record with this field at both ends merges legs: where it was in between is not known
    CASE WHEN o.base_id IS DISTINCT FROM b.base_id THEN e.other END AS other_icao,
    CASE WHEN o.base_id IS DISTINCT FROM b.base_id THEN o.base_id END AS other_base_id,
    e.callsign,
    e.registration,
    e.type_code,
    e.source,
    e.evidence_id
FROM ends AS e
INNER JOIN fields AS b ON e.field = b.code
LEFT JOIN fields AS o ON e.other = o.code
INNER JOIN intermediate.int_aircraft_keys AS k
    ON e.icao24 IS NOT DISTINCT FROM k.icao24 AND e.registration IS NOT DISTINCT FROM k.registration
WHERE e.happened_at IS NOT NULL
