/*
grain: one row per counted visit (confidence 2 upwards) and fleet of its aircraft
key: [fleet_id, visit_id]
columns:
  visit_id: {type: VARCHAR, doc: "Visit"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  fleet_id: {type: VARCHAR, doc: "Fleet"}
  icao24: {type: VARCHAR, doc: "Key of the aircraft"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  wake: {type: VARCHAR, doc: "Wake category"}
  arrived_on: {type: DATE, doc: "Day of the arrival, null where there is no evidence of one"}
  departed_on: {type: DATE, doc: "Day of the departure, null where there is no evidence of one"}
  first_on: {type: DATE, doc: "First day present"}
  last_on: {type: DATE, doc: "Last day present"}
  first_evidence_at: {type: TIMESTAMPTZ, doc: "First evidence"}
  last_evidence_at: {type: TIMESTAMPTZ, doc: "Last evidence"}
  ground_minutes: {type: DOUBLE, doc: "On the ground, null unless both ends are known"}
  confidence: {type: INTEGER, doc: "4 strongest"}
  sources: {type: "VARCHAR[]", doc: "Witnesses"}
*/
SELECT
    visit_id,
    base_id,
    unnest(fleets) AS fleet_id,
    icao24,
    type_code,
    wake,
    CASE WHEN arrival_confidence >= 2 THEN day_of(arrived_at) END AS arrived_on,
    -- a departure after the spine's last day is not of any of its months
    CASE
        WHEN departure_confidence >= 2 AND day_of(departed_at) <= $as_of THEN day_of(departed_at)
    END AS departed_on,
    day_of(first_evidence_at) AS first_on,
    day_of(last_evidence_at) AS last_on,
    first_evidence_at,
    last_evidence_at,
    ground_minutes,
    confidence,
    sources
FROM intermediate.int_visits
WHERE confidence >= 2 AND day_of(first_evidence_at) <= $as_of
