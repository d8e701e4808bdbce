/*
grain: one row per stay of one aircraft at one base, on any evidence; confidence 1 is shown here and counted nowhere
key: [visit_id]
like: [intermediate.int_visits, intermediate.int_visit_explanations]
columns: [
  visit_id, base_id, icao24, callsign, registration, type_code, fleets, arrived_at, departed_at,
  first_evidence_at, last_evidence_at, ground_minutes, arrival_evidence, departure_evidence, confidence, probability,
  is_counted, explained_by, alternatives, undecided_id, rule,
  origin_icao, destination_icao, origin_base_id, destination_base_id, sources, evidence, previous_ids
]
*/
SELECT
    v.visit_id,
    v.base_id,
    v.icao24,
    v.callsign,
    v.registration,
    v.type_code,
    v.fleets,
    v.arrived_at,
    v.departed_at,
    v.first_evidence_at,
    v.last_evidence_at,
    v.ground_minutes,
    v.arrival_evidence,
    v.departure_evidence,
    v.confidence,
    v.probability,
    v.is_counted,
    coalesce(e.explained_by, []) AS explained_by,
    coalesce(e.alternatives, []) AS alternatives,
    v.undecided_id,
    v.rule,
    v.origin_icao,
    v.destination_icao,
    v.origin_base_id,
    v.destination_base_id,
    v.sources,
    v.evidence,
    v.previous_ids
FROM intermediate.int_visits AS v
LEFT JOIN intermediate.int_visit_explanations AS e ON v.visit_id = e.visit_id
ORDER BY v.base_id, v.first_evidence_at, v.visit_id
