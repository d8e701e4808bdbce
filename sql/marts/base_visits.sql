/*
grain: one row per stay of one aircraft at one base, on any evidence; confidence 1 is shown here and counted nowhere
key: [visit_id]
like: intermediate.int_visits
columns: [
  visit_id, base_id, icao24, callsign, registration, type_code, fleets, arrived_at, departed_at,
  first_evidence_at, last_evidence_at, ground_minutes, arrival_evidence, departure_evidence, confidence, probability,
  is_counted, undecided_id, rule,
  origin_icao, destination_icao, origin_base_id, destination_base_id, sources, evidence, previous_ids
]
*/
SELECT
    visit_id,
    base_id,
    icao24,
    callsign,
    registration,
    type_code,
    fleets,
    arrived_at,
    departed_at,
    first_evidence_at,
    last_evidence_at,
    ground_minutes,
    arrival_evidence,
    departure_evidence,
    confidence,
    probability,
    is_counted,
    undecided_id,
    rule,
    origin_icao,
    destination_icao,
    origin_base_id,
    destination_base_id,
    sources,
    evidence,
    previous_ids
FROM intermediate.int_visits
ORDER BY base_id, first_evidence_at, visit_id
