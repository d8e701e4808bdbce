/*
grain: one row per evidenced end of a stay (or presence) at a base, equal ends of several witnesses made one
key: [base_id, aircraft, direction, happened_at]
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
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed it"}
  evidence_ids: {type: "VARCHAR[]", doc: "Records and traces that a reader can open"}
*/
-- Two witnesses of one landing differ by minutes (last contact against touchdown), two landings by more than
-- $stay_merge_minutes: within that span ends of one direction are one, the strongest evidence gives its time.
WITH ends AS (
    SELECT * FROM intermediate.int_record_ends
    UNION ALL BY NAME
    SELECT
        t.* REPLACE (coalesce(k.aircraft, t.aircraft) AS aircraft)
    FROM intermediate.int_trace_ends AS t
    LEFT JOIN intermediate.int_aircraft_keys AS k
        ON t.aircraft = k.icao24 AND nullif(upper(trim(t.registration)), '') IS NOT DISTINCT FROM k.registration
),

marked AS (
    SELECT
        *,
        coalesce(
            happened_at - lag(happened_at) OVER (PARTITION BY base_id, aircraft, direction ORDER BY happened_at)
            > to_minutes($stay_merge_minutes),
            TRUE
        ) AS is_new
    FROM ends
),

grouped AS (
    SELECT
        *,
        count(*) FILTER (WHERE is_new OR direction = 'presence')
            OVER (PARTITION BY base_id, aircraft, direction ORDER BY happened_at, confidence, source, evidence_id ROWS UNBOUNDED PRECEDING)
            AS end_no
    FROM marked
)

SELECT
    base_id,
    aircraft,
    direction,
    arg_min(happened_at, (-confidence, source, happened_at)) AS happened_at,
    CASE
        WHEN direction = 'presence' THEN max(until_at) ELSE arg_min(until_at, (-confidence, source, happened_at))
    END AS until_at,
    arg_min(evidence, (-confidence, source, happened_at)) AS evidence,
    max(confidence) AS confidence,
    arg_min(rule, (-confidence, source, happened_at)) AS rule,
    arg_min(other_icao, (-confidence, source, happened_at)) FILTER (WHERE other_icao IS NOT NULL) AS other_icao,
    arg_min(other_base_id, (-confidence, source, happened_at)) FILTER (WHERE other_base_id IS NOT NULL) AS other_base_id,
    arg_min(callsign, (-confidence, source, happened_at)) FILTER (WHERE callsign IS NOT NULL) AS callsign,
    arg_min(registration, (-confidence, source, happened_at)) FILTER (WHERE registration IS NOT NULL) AS registration,
    arg_min(type_code, (-confidence, source, happened_at)) FILTER (WHERE type_code IS NOT NULL) AS type_code,
    list_sort(list(DISTINCT source)) AS sources,
    list_sort(list(DISTINCT evidence_id)) AS evidence_ids
FROM grouped
GROUP BY base_id, aircraft, direction, end_no
