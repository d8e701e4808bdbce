/*
grain: one row per end, or presence, of a stay at a watched base that tracks show
key: [base_id, aircraft, direction, happened_at, evidence]
empty_without: [intermediate.int_track_ends]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  aircraft: {type: VARCHAR, doc: "24-bit address; a leading ~ marks one that is not an ICAO address"}
  direction: {type: VARCHAR, values: [arrival, departure, presence], doc: "Which end of a stay the row shows; presence: on the ground, neither end seen"}
  happened_at: {type: TIMESTAMPTZ, doc: "When; for a presence its first evidence"}
  until_at: {type: TIMESTAMPTZ, doc: "When; for a presence its last evidence"}
  evidence: {type: VARCHAR, values: [touchdown, aligned_loss, descent_loss, reappearance, inbound_only], doc: "Sort of evidence"}
  confidence: {type: INTEGER, doc: "4 strongest to 1"}
  probability: {type: DOUBLE, doc: "That the stay took place, where it is inferred from a silence; else null"}
  undecided_id: {type: VARCHAR, doc: "Shared by the bases of which one was visited, nobody can tell which; else null"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence from which it is inferred; else null"}
  rule: {type: VARCHAR, doc: "Which rule fired, in words"}
  other_icao: {type: VARCHAR, doc: "Where it came from (arrival) or went (departure); null when unknown"}
  other_base_id: {type: VARCHAR, doc: "The same, where that place is a watched base"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  source: {type: VARCHAR, doc: "Source that witnessed it"}
  evidence_id: {type: VARCHAR, doc: "Trace that a reader can open"}
*/
WITH ends AS (
    SELECT
        *,
        to_timestamp(at_s) AS happened_at,
        CASE direction WHEN 'arrival' THEN to_timestamp(at_s) END AS landed_at,
        CASE direction WHEN 'departure' THEN to_timestamp(at_s) END AS took_off_at
    FROM intermediate.int_track_ends
)

SELECT
    e.base_id,
    e.icao24 AS aircraft,
    e.direction,
    e.happened_at,
    to_timestamp(e.until_s) AS until_at,
    e.evidence,
    e.confidence,
    e.probability,
    e.undecided_id,
    e.silence_no,
    e.rule,
    coalesce(a.origin_icao, d.destination_icao) AS other_icao,
    coalesce(a.origin_base_id, d.destination_base_id) AS other_base_id,
    coalesce(e.callsign, a.callsign, d.callsign) AS callsign,
    e.registration,
    e.type_code,
    e.source,
    format(
        'trace {} {} ({})', e.icao24, strftime(day_of_s(e.at_s), '%Y-%m-%d'), e.networks
    ) AS evidence_id
FROM ends AS e
LEFT JOIN intermediate.int_trace_legs AS a
    ON e.icao24 = a.icao24 AND e.landed_at = a.arrived_at AND e.base_id = a.destination_base_id
LEFT JOIN intermediate.int_trace_legs AS d
    ON e.icao24 = d.icao24 AND e.took_off_at = d.departed_at AND e.base_id = d.origin_base_id
