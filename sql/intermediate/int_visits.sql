/*
grain: one row per stay of one aircraft at one base, on any evidence, with identity
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
  origin_icao: {type: VARCHAR, doc: "Where it came from; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Where it went; null when unknown"}
  origin_base_id: {type: VARCHAR, doc: "The origin, where it is a watched base"}
  destination_base_id: {type: VARCHAR, doc: "The destination, where it is a watched base"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed any of it"}
  evidence: {type: "VARCHAR[]", doc: "Links or record identifiers that a reader can open"}
  previous_ids: {type: "VARCHAR[]", doc: "Identifiers of published visits that this one replaces"}
  arrival_confidence: {type: INTEGER, doc: "Confidence of the arrival; null where there is none"}
  departure_confidence: {type: INTEGER, doc: "Confidence of the departure; null where there is none"}
  wake: {type: VARCHAR, doc: "Wake category of the type"}
  operator: {type: VARCHAR, doc: "Operator by the register, or as printed"}
  is_press: {type: BOOLEAN, doc: "Known from press reports alone"}
*/
WITH recorded AS (
    SELECT
        s.base_id,
        s.aircraft AS icao24,
        s.callsign,
        coalesce(s.registration, g.registration) AS registration,
        coalesce(s.type_code, a.type_code) AS type_code,
        coalesce(a.fleets, ['all']) AS fleets,
        s.arrived_at,
        s.departed_at,
        s.first_evidence_at,
        s.last_evidence_at,
        s.arrival_evidence,
        s.departure_evidence,
        s.arrival_confidence,
        s.departure_confidence,
        s.confidence,
        s.rule,
        s.origin_icao,
        s.destination_icao,
        s.origin_base_id,
        s.destination_base_id,
        s.sources,
        s.evidence_ids,
        a.wake,
        a.operator,
        FALSE AS is_press,
        s.base_id || '-' || regexp_replace(lower(s.aircraft), '[^a-z0-9~]+', '_', 'g')
        || '-' || strftime(s.first_evidence_at, '%Y%m%d') AS stem
    FROM intermediate.int_stays AS s
    LEFT JOIN intermediate.int_aircraft AS a
        ON
            s.aircraft = a.aircraft
            AND s.registration IS NOT DISTINCT FROM a.registration
            AND CASE WHEN regexp_matches(s.callsign, '^[A-Z]{3}[0-9]') THEN s.callsign[:3] END
            IS NOT DISTINCT FROM a.callsign_prefix
    LEFT JOIN (
        SELECT
            aircraft,
            arg_max(registration, (sightings, registration)) AS registration
        FROM intermediate.int_aircraft_keys
        WHERE registration IS NOT NULL AND sightings > 0
        GROUP BY aircraft
    ) AS g ON s.aircraft = g.aircraft
),

press AS (
    SELECT
        p.base_id,
        p.aircraft AS icao24,
        NULL AS callsign,
        p.registration,
        a.type_code,
        coalesce(a.fleets, ['all']) AS fleets,
        NULL AS arrived_at,
        NULL AS departed_at,
        p.day::TIMESTAMPTZ AS first_evidence_at,
        p.day::TIMESTAMPTZ AS last_evidence_at,
        CASE WHEN p.direction IN ('arrival', 'visit') THEN 'reported' ELSE 'none' END AS arrival_evidence,
        CASE WHEN p.direction IN ('departure', 'visit') THEN 'reported' ELSE 'none' END AS departure_evidence,
        CASE WHEN p.direction IN ('arrival', 'visit') THEN 1 END AS arrival_confidence,
        CASE WHEN p.direction IN ('departure', 'visit') THEN 1 END AS departure_confidence,
        1 AS confidence,
        p.rule,
        NULL AS origin_icao,
        NULL AS destination_icao,
        NULL AS origin_base_id,
        NULL AS destination_base_id,
        p.sources,
        p.evidence_ids,
        a.wake,
        p.operator,
        TRUE AS is_press,
        p.base_id || '-press_' || regexp_replace(lower(p.event_group), '[^a-z0-9]+', '_', 'g')
        || '-' || strftime(p.day, '%Y%m%d') AS stem
    FROM intermediate.int_press_visits AS p
    LEFT JOIN intermediate.int_aircraft AS a
        ON p.aircraft = a.aircraft AND p.registration = a.registration AND a.callsign_prefix IS NULL
),

named AS (
    SELECT
        *,
        -- a second stay on the same first day is told from the first by its number
        stem || CASE
            WHEN count(*) OVER same_day = 1 OR row_number() OVER in_order = 1 THEN ''
            ELSE '-' || row_number() OVER in_order
        END AS visit_id
    FROM (
        SELECT * FROM recorded
        UNION ALL BY NAME
        SELECT * FROM press
    ) AS v
    WINDOW
        same_day AS (PARTITION BY stem),
        in_order AS (PARTITION BY stem ORDER BY confidence DESC, first_evidence_at, last_evidence_at, rule)
),

-- identifiers that were published before and are no longer made: a stay of this aircraft that touches them took them in
replaced AS (
    SELECT
        n.visit_id,
        list_sort(list(DISTINCT h.id)) AS previous_ids
    FROM named AS n
    INNER JOIN (
        SELECT
            visit_id,
            base_id,
            icao24,
            first_evidence_at,
            last_evidence_at,
            unnest(list_concat([visit_id], coalesce(previous_ids, []))) AS id
        FROM raw.published_visits
    ) AS h
        ON
            n.base_id = h.base_id
            AND n.icao24 = h.icao24
            AND n.first_evidence_at <= h.last_evidence_at + INTERVAL 1 DAY
            AND n.last_evidence_at >= h.first_evidence_at - INTERVAL 1 DAY
            AND n.confidence >= 2
    WHERE h.id <> n.visit_id AND h.id NOT IN (SELECT visit_id FROM named)
    GROUP BY n.visit_id
)

SELECT
    n.visit_id,
    n.base_id,
    n.icao24,
    n.callsign,
    n.registration,
    n.type_code,
    n.fleets,
    n.arrived_at,
    n.departed_at,
    n.first_evidence_at,
    n.last_evidence_at,
    CASE WHEN n.arrived_at <= n.departed_at THEN round(epoch(n.departed_at - n.arrived_at) / 60, 1) END AS ground_minutes,
    n.arrival_evidence,
    n.departure_evidence,
    n.confidence,
    n.rule,
    n.origin_icao,
    n.destination_icao,
    n.origin_base_id,
    n.destination_base_id,
    n.sources,
    n.evidence_ids AS evidence,
    coalesce(r.previous_ids, []) AS previous_ids,
    n.arrival_confidence,
    n.departure_confidence,
    n.wake,
    n.operator,
    n.is_press
FROM named AS n
LEFT JOIN replaced AS r ON n.visit_id = r.visit_id
