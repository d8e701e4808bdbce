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
  probability: {type: DOUBLE, doc: "That the stay took place, 0 to 1, where it is inferred from a silence; null where it was seen or reported"}
  is_counted: {type: BOOLEAN, doc: "Counts: confidence 2 upwards, and not from the press"}
  undecided_id: {type: VARCHAR, doc: "Shared by stays at several bases of which one took place, nobody can tell which; null for all others"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence from which it is inferred; else null"}
  rule: {type: VARCHAR, doc: "Which rules fired, in words"}
  origin_icao: {type: VARCHAR, doc: "Where it came from: ICAO code, or else OurAirports identifier; null when unknown"}
  destination_icao: {type: VARCHAR, doc: "Where it went: ICAO code, or else OurAirports identifier; null when unknown"}
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
-- Millions of stays pass through once: whatever needs sorting or matching looks at a few columns, or at a few rows.
-- Kept in one file: millions of stays pass through once; half of the lines list the columns.
WITH begun AS NOT MATERIALIZED (
    SELECT
        rowid AS stay_no,
        *,
        base_id || '-' || id_of_aircraft(aircraft) AS of_whom,
        day_of(first_evidence_at) AS first_on
    FROM intermediate.int_stays
),

-- a second stay on the same first day is told from the first by its number
repeated AS (
    SELECT hash(of_whom, first_on) AS which
    FROM begun
    GROUP BY which
    HAVING count(*) > 1
),

numbers AS (
    SELECT
        stay_no,
        row_number() OVER (
            PARTITION BY of_whom, first_on
            -- weak ones last: they must not take the name of a counted stay
            ORDER BY confidence < 2, first_evidence_at, last_evidence_at, rule, evidence_ids
        ) AS number
    FROM begun
    WHERE hash(of_whom, first_on) IN (SELECT which FROM repeated)
),

identified AS NOT MATERIALIZED (
    SELECT
        b.*,
        b.of_whom || '-' || strftime(b.first_on, '%Y%m%d') || CASE WHEN n.number > 1 THEN '-' || n.number ELSE '' END
            AS visit_id
    FROM begun AS b
    LEFT JOIN numbers AS n ON b.stay_no = n.stay_no
),

press AS (
    SELECT
        p.base_id || '-press_' || regexp_replace(lower(p.event_group), '[^a-z0-9]+', '_', 'g')
        || '-' || strftime(p.day, '%Y%m%d') AS visit_id,
        p.base_id,
        p.aircraft AS icao24,
        p.registration,
        a.type_code,
        coalesce(a.fleets, ['all']) AS fleets,
        p.day::TIMESTAMPTZ AS first_evidence_at,
        p.day::TIMESTAMPTZ AS last_evidence_at,
        CASE WHEN p.direction IN ('arrival', 'visit') THEN 'reported' ELSE 'none' END AS arrival_evidence,
        CASE WHEN p.direction IN ('departure', 'visit') THEN 'reported' ELSE 'none' END AS departure_evidence,
        CASE WHEN p.direction IN ('arrival', 'visit') THEN 1 END AS arrival_confidence,
        CASE WHEN p.direction IN ('departure', 'visit') THEN 1 END AS departure_confidence,
        1 AS confidence,
        p.rule,
        p.sources,
        p.evidence_ids,
        a.wake,
        p.operator,
        TRUE AS is_press
    FROM intermediate.int_press_visits AS p
    LEFT JOIN intermediate.int_aircraft AS a
        ON p.aircraft = a.aircraft AND p.registration = a.registration AND a.callsign_prefix IS NULL
),

-- identifiers that were published before and are no longer made: a stay of this aircraft that touches them took them in
published AS NOT MATERIALIZED (
    SELECT
        visit_id AS id,
        base_id,
        icao24,
        first_evidence_at,
        last_evidence_at
    FROM raw.published_visits
    UNION ALL
    SELECT
        unnest(previous_ids) AS id,
        base_id,
        icao24,
        first_evidence_at,
        last_evidence_at
    FROM raw.published_visits
    WHERE len(previous_ids) > 0
),

gone AS (
    SELECT p.*
    FROM published AS p
    WHERE
        NOT EXISTS (SELECT 1 FROM identified AS i WHERE i.visit_id = p.id)
        AND NOT EXISTS (SELECT 1 FROM press AS r WHERE r.visit_id = p.id)
),

-- late data may also give an aircraft another key: what it was published under is looked up anew
keys AS (
    SELECT
        icao24 AS stated,
        aircraft
    FROM intermediate.int_aircraft_keys
    WHERE icao24 IS NOT NULL
    UNION
    SELECT
        'reg:' || registration AS stated,
        aircraft
    FROM intermediate.int_aircraft_keys
    WHERE registration IS NOT NULL
),

sought AS (
    SELECT * FROM gone
    UNION
    SELECT g.* REPLACE (k.aircraft AS icao24)
    FROM gone AS g
    INNER JOIN keys AS k ON g.icao24 = k.stated
),

replaced AS (
    SELECT
        s.rowid AS stay_no,
        list_sort(list(DISTINCT g.id)) AS previous_ids
    FROM intermediate.int_stays AS s
    INNER JOIN sought AS g
        ON
            s.base_id = g.base_id
            AND s.aircraft = g.icao24
            AND s.first_evidence_at <= g.last_evidence_at + INTERVAL 1 DAY
            AND s.last_evidence_at >= g.first_evidence_at - INTERVAL 1 DAY
            AND s.confidence >= 2
    GROUP BY s.rowid
),

visits AS (
    SELECT
        s.visit_id,
        s.base_id,
        s.aircraft AS icao24,
        s.callsign,
        s.registration,
        coalesce(s.type_code, a.type_code) AS type_code,
        coalesce(a.fleets, ['all']) AS fleets,
        s.arrived_at,
        s.departed_at,
        s.first_evidence_at,
        s.last_evidence_at,
        s.arrival_evidence,
        s.departure_evidence,
        s.confidence,
        s.probability,
        s.undecided_id,
        s.silence_no,
        s.rule,
        s.origin_icao,
        s.destination_icao,
        s.origin_base_id,
        s.destination_base_id,
        s.sources,
        s.evidence_ids,
        r.previous_ids,
        s.arrival_confidence,
        s.departure_confidence,
        a.wake,
        a.operator,
        FALSE AS is_press
    FROM identified AS s
    LEFT JOIN intermediate.int_aircraft AS a
        ON
            s.aircraft = a.aircraft
            AND s.registration IS NOT DISTINCT FROM a.registration
            AND s.callsign_prefix IS NOT DISTINCT FROM a.callsign_prefix
    LEFT JOIN replaced AS r ON s.stay_no = r.stay_no

    UNION ALL BY NAME
    SELECT * FROM press
)

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
    CASE
        WHEN arrived_at <= departed_at THEN round((epoch_us(departed_at) - epoch_us(arrived_at)) / 60000000, 1)
    END AS ground_minutes,
    arrival_evidence,
    departure_evidence,
    confidence,
    probability,
    confidence >= 2 AND NOT is_press AS is_counted,
    undecided_id,
    silence_no,
    rule,
    origin_icao,
    destination_icao,
    origin_base_id,
    destination_base_id,
    sources,
    evidence_ids AS evidence,
    coalesce(previous_ids, []) AS previous_ids,
    arrival_confidence,
    departure_confidence,
    wake,
    operator,
    is_press
FROM visits
