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
    SELECT
        base_id,
        code
    FROM intermediate.int_field_codes
    WHERE base_id IS NOT NULL
),

-- a landing before the take-off: the record holds the ends of two legs, and neither tells where the other led
records AS NOT MATERIALIZED (
    SELECT
        *,
        coalesce(arrived_at < departed_at, FALSE) AS is_merged
    FROM intermediate.int_flight_records
),

ends AS (
    SELECT
        b.base_id,
        r.icao24,
        'arrival' AS direction,
        coalesce(r.arrived_at, r.last_seen_at, r.first_seen_at) AS happened_at,
        CASE WHEN r.arrived_at IS NOT NULL AND NOT r.is_estimate THEN 3 ELSE 2 END AS confidence,
        CASE
            WHEN r.is_estimate THEN 'the provider estimates ' || b.code || ' from positions'
            WHEN r.arrived_at IS NULL
                THEN 'the record states ' || b.code || ' without a time; first or last contact stands for it'
            ELSE 'the record states a landing at ' || b.code
        END AS rule,
        CASE WHEN NOT r.is_merged THEN r.origin_icao END AS other,
        r.callsign,
        r.registration,
        r.type_code,
        r.source,
        r.evidence_id
    FROM records AS r
    INNER JOIN fields AS b ON r.destination_icao = b.code

    UNION ALL
    SELECT
        b.base_id,
        r.icao24,
        'departure' AS direction,
        coalesce(r.departed_at, r.first_seen_at, r.last_seen_at) AS happened_at,
        CASE WHEN r.departed_at IS NOT NULL AND NOT r.is_estimate THEN 3 ELSE 2 END AS confidence,
        CASE
            WHEN r.is_estimate THEN 'the provider estimates ' || b.code || ' from positions'
            WHEN r.departed_at IS NULL
                THEN 'the record states ' || b.code || ' without a time; first or last contact stands for it'
            ELSE 'the record states a take-off from ' || b.code
        END AS rule,
        CASE WHEN NOT r.is_merged THEN r.destination_icao END AS other,
        r.callsign,
        r.registration,
        r.type_code,
        r.source,
        r.evidence_id
    FROM records AS r
    INNER JOIN fields AS b ON r.origin_icao = b.code

    UNION ALL
    SELECT
        b.base_id,
        r.icao24,
        'arrival' AS direction,
        r.last_seen_at AS happened_at,
        1 AS confidence,
        'the record gives ' || b.code || ' as planned destination only' AS rule,
        r.origin_icao AS other,
        r.callsign,
        r.registration,
        r.type_code,
        r.source,
        r.evidence_id
    FROM records AS r
    INNER JOIN fields AS b ON r.planned_icao = b.code
    WHERE r.destination_icao IS NULL
)

SELECT
    e.base_id,
    k.aircraft,
    e.direction,
    e.happened_at,
    e.happened_at AS until_at,
    'reported' AS evidence,
    e.confidence,
    e.rule,
    -- a record with this field at both ends merges legs: where it was in between is not known
    if(coalesce(o.base_id <> e.base_id, TRUE), coalesce(o.icao, e.other), NULL) AS other_icao,
    nullif(o.base_id, e.base_id) AS other_base_id,
    e.callsign,
    e.registration,
    e.type_code,
    e.source,
    e.evidence_id
FROM ends AS e
INNER JOIN intermediate.int_aircraft_keys AS k
    ON e.icao24 IS NOT DISTINCT FROM k.icao24 AND e.registration IS NOT DISTINCT FROM k.registration
LEFT JOIN intermediate.int_field_codes AS o ON e.other = o.code
WHERE e.happened_at IS NOT NULL
