/*
grain: one row per stay of one aircraft at one base, on recorded evidence of any strength
key: [base_id, aircraft, first_evidence_at, confidence]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft"}
  callsign: {type: VARCHAR, doc: "Callsign of the arrival, else of the departure"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  arrived_at: {type: TIMESTAMPTZ, doc: "Landing, null when none is on record"}
  departed_at: {type: TIMESTAMPTZ, doc: "Take-off, null when none is on record"}
  first_evidence_at: {type: TIMESTAMPTZ, doc: "First evidence of the stay"}
  last_evidence_at: {type: TIMESTAMPTZ, doc: "Last evidence of the stay"}
  arrival_evidence: {type: VARCHAR, doc: "Sort of evidence of the arrival, none where there is none"}
  departure_evidence: {type: VARCHAR, doc: "Sort of evidence of the departure, none where there is none"}
  arrival_confidence: {type: INTEGER, doc: "Confidence of the arrival, null where there is none"}
  departure_confidence: {type: INTEGER, doc: "Confidence of the departure, null where there is none"}
  confidence: {type: INTEGER, doc: "Confidence of the stay"}
  rule: {type: VARCHAR, doc: "Which rules fired, in words"}
  origin_icao: {type: VARCHAR, doc: "Where it came from"}
  origin_base_id: {type: VARCHAR, doc: "The same, where it is a watched base"}
  destination_icao: {type: VARCHAR, doc: "Where it went"}
  destination_base_id: {type: VARCHAR, doc: "The same, where it is a watched base"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed any of it"}
  evidence_ids: {type: "VARCHAR[]", doc: "Records and traces that a reader can open"}
*/
-- An arrival opens a stay; the departure that follows within $stay_max_days closes it. A departure or a presence
-- with no open stay before it is a stay too: it was there. Weak ends (confidence 1) never open, close or split a
-- counted stay; each stands alone.
WITH strong AS (
    SELECT
        *,
        lag(direction) OVER flights AS direction_before,
        lag(until_at) OVER flights AS until_before
    FROM intermediate.int_ends
    WHERE confidence >= 2
    WINDOW flights AS (
        PARTITION BY base_id, aircraft
        ORDER BY happened_at, CASE direction WHEN 'arrival' THEN 0 WHEN 'presence' THEN 1 ELSE 2 END
    )
),

opened AS (
    SELECT
        *,
        direction = 'arrival'
        OR direction_before IS NULL
        OR direction_before = 'departure'
        OR happened_at - until_before > to_days($stay_max_days) AS opens
    FROM strong
),

numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE opens) OVER (
            PARTITION BY base_id, aircraft
            ORDER BY happened_at, CASE direction WHEN 'arrival' THEN 0 WHEN 'presence' THEN 1 ELSE 2 END
            ROWS UNBOUNDED PRECEDING
        ) AS stay_no
    FROM opened

    UNION ALL BY NAME
    SELECT
        *,
        -row_number() OVER (PARTITION BY base_id, aircraft ORDER BY happened_at, direction) AS stay_no
    FROM intermediate.int_ends
    WHERE confidence < 2
),

stays AS (
    SELECT
        base_id,
        aircraft,
        stay_no,
        arg_min(callsign, happened_at) FILTER (WHERE callsign IS NOT NULL) AS callsign,
        arg_min(registration, happened_at) FILTER (WHERE registration IS NOT NULL) AS registration,
        arg_min(type_code, happened_at) FILTER (WHERE type_code IS NOT NULL) AS type_code,
        min(happened_at) FILTER (WHERE direction = 'arrival' AND confidence >= 2) AS arrived_at,
        max(happened_at) FILTER (WHERE direction = 'departure' AND confidence >= 2) AS departed_at,
        min(happened_at) AS first_evidence_at,
        max(until_at) AS last_evidence_at,
        coalesce(any_value(evidence) FILTER (WHERE direction = 'arrival'), 'none') AS arrival_evidence,
        coalesce(any_value(evidence) FILTER (WHERE direction = 'departure'), 'none') AS departure_evidence,
        max(confidence) FILTER (WHERE direction = 'arrival') AS arrival_confidence,
        max(confidence) FILTER (WHERE direction = 'departure') AS departure_confidence,
        max(confidence) AS confidence,
        string_agg(rule, '; ' ORDER BY happened_at) AS rule,
        any_value(other_icao) FILTER (WHERE direction = 'arrival') AS origin_icao,
        any_value(other_base_id) FILTER (WHERE direction = 'arrival') AS origin_base_id,
        any_value(other_icao) FILTER (WHERE direction = 'departure') AS destination_icao,
        any_value(other_base_id) FILTER (WHERE direction = 'departure') AS destination_base_id,
        list_sort(list_distinct(flatten(list(sources)))) AS sources,
        list_sort(list_distinct(flatten(list(evidence_ids)))) AS evidence_ids
    FROM numbered
    GROUP BY base_id, aircraft, stay_no
)

SELECT
    base_id,
    aircraft,
    callsign,
    registration,
    type_code,
    arrived_at,
    departed_at,
    first_evidence_at,
    last_evidence_at,
    arrival_evidence,
    departure_evidence,
    arrival_confidence,
    departure_confidence,
    -- a landing seen and followed by a departure seen from the same field is as sure as it gets (contract, evidence)
    CASE
        WHEN departure_confidence IS NULL THEN confidence
        WHEN arrival_evidence IN ('touchdown', 'aligned_loss') THEN 4
        WHEN arrival_evidence = 'descent_loss' THEN greatest(confidence, 3)
        ELSE confidence
    END AS confidence,
    rule,
    origin_icao,
    origin_base_id,
    destination_icao,
    destination_base_id,
    sources,
    evidence_ids
FROM stays
