/*
grain: one row per stay of one aircraft at one base, on any evidence; confidence 1 is shown here and counted nowhere
key: [visit_id]
columns:
  visit_id: {type: VARCHAR, doc: "Made from base, aircraft and first day of evidence; stable while these stay"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  icao24: {type: VARCHAR, doc: "24-bit address, or reg:<REGISTRATION> where no address is on record; null only in press reports that name no aircraft"}
  callsign: {type: VARCHAR, doc: "Callsign on arrival, else on departure"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  fleets: {type: "VARCHAR[]", doc: "Fleets that the aircraft belongs to"}
  arrived_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Landing; null when not known"}
  departed_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Take-off; null when not known"}
  first_evidence_at: {type: TIMESTAMPTZ, unit: UTC, doc: "First evidence of the stay"}
  last_evidence_at: {type: TIMESTAMPTZ, unit: UTC, doc: "Last evidence of the stay"}
  ground_minutes: {type: DOUBLE, unit: min, doc: "From landing to take-off; null unless both are known"}
  arrival_evidence: {type: VARCHAR, values: [touchdown, aligned_loss, descent_loss, reappearance, inbound_only, reported, none], doc: "Sort of evidence of the arrival"}
  departure_evidence: {type: VARCHAR, values: [touchdown, aligned_loss, descent_loss, reappearance, inbound_only, reported, none], doc: "Sort of evidence of the departure"}
  confidence: {type: INTEGER, doc: "4 strongest to 1; a visit counts from 2 upwards"}
  rule: {type: VARCHAR, doc: "Which rules fired, in words"}
  origin_icao: {type: VARCHAR, doc: "Where it came from: ICAO code, or else OurAirports identifier; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Where it went: ICAO code, or else OurAirports identifier; null when unknown"}
  origin_base_id: {type: VARCHAR, doc: "The origin, where it is a watched base"}
  destination_base_id: {type: VARCHAR, doc: "The destination, where it is a watched base"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed any of it"}
  evidence: {type: "VARCHAR[]", doc: "Links or record identifiers that a reader can open"}
  previous_ids: {type: "VARCHAR[]", doc: "Identifiers of published visits that this one replaces"}
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
