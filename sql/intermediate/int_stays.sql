/*
grain: one row per stay of one aircraft at one base, on recorded evidence of any strength
key: [base_id, aircraft, first_evidence_at, confidence]
columns:
  base_id: {type: VARCHAR, doc: "Watched base"}
  aircraft: {type: VARCHAR, doc: "Key of the aircraft"}
  callsign: {type: VARCHAR, doc: "Callsign of the arrival, else of the departure"}
  callsign_prefix: {type: VARCHAR, doc: "First three letters of the callsign where a digit follows them, else null"}
  registration: {type: VARCHAR, doc: "Registration mark as stated, else the one that the aircraft bore that day"}
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
  probability: {type: DOUBLE, doc: "That the stay took place, where it is inferred from a silence; else null"}
  undecided_id: {type: VARCHAR, doc: "Shared by the bases of which one was visited, nobody can tell which; else null"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence from which it is inferred; else null"}
  rule: {type: VARCHAR, doc: "Which rules fired, in words"}
  origin_icao: {type: VARCHAR, doc: "Where it came from"}
  origin_base_id: {type: VARCHAR, doc: "The same, where it is a watched base"}
  destination_icao: {type: VARCHAR, doc: "Where it went"}
  destination_base_id: {type: VARCHAR, doc: "The same, where it is a watched base"}
  sources: {type: "VARCHAR[]", doc: "Sources that witnessed any of it"}
  evidence_ids: {type: "VARCHAR[]", doc: "Records and traces that a reader can open"}
*/
-- An arrival opens a stay; the departure that follows at the same base within $stay_max_days closes it. A departure or a
-- presence with no open stay before it is a stay too: it was there. Seen elsewhere in between, at another watched base or
-- on a flight between other fields, it had left: what follows is another stay. So is what another airframe does under an
-- address that was issued again. Weak ends (confidence 1) never open, close or split a counted stay; each stands alone, or with the other end of its
-- silence.
-- Nearly every stay is one end or a pair of neighbours, found by narrow columns; only those with a presence in them are
-- grouped.
-- Kept in one file: stays are put together by the place of their ends in int_ends, which no further table keeps.
WITH fields AS (
    SELECT code
    FROM intermediate.int_field_codes
    WHERE base_id IS NOT NULL
),

flown AS (
    SELECT
        icao24,
        registration,
        CASE WHEN origin_icao IS NOT NULL THEN departed_at END AS departed_at,
        CASE WHEN destination_icao IS NOT NULL THEN arrived_at END AS arrived_at
    FROM intermediate.int_flight_records
    WHERE
        NOT is_estimate
        AND coalesce(origin_icao, destination_icao) IS NOT NULL
        AND coalesce(origin_icao, '') NOT IN (SELECT code FROM fields)
        AND coalesce(destination_icao, '') NOT IN (SELECT code FROM fields)
        AND coalesce(planned_icao, '') NOT IN (SELECT code FROM fields)
),

-- 0 arrival, 1 presence, 2 departure, 3 seen elsewhere: also the order of what happened at one time. What was elsewhere in
-- the moment of a landing goes before it (-1): records that state days alone have both at midnight.
strong AS (
    SELECT
        aircraft,
        base_id,
        CASE direction WHEN 'arrival' THEN 0 WHEN 'presence' THEN 1 ELSE 2 END AS step,
        epoch_us(happened_at) AS at_us,
        epoch_us(until_at) AS until_us,
        rowid AS end_no
    FROM intermediate.int_ends
    WHERE confidence >= 2

    UNION ALL BY NAME
    SELECT
        k.aircraft,
        CASE
            WHEN
                (k.aircraft, coalesce(f.departed_at, f.arrived_at)) IN (
                    SELECT (aircraft, happened_at) FROM intermediate.int_ends WHERE direction = 'arrival' AND confidence >= 2
                )
                THEN -1
            ELSE 3
        END AS step,
        epoch_us(coalesce(f.departed_at, f.arrived_at)) AS at_us,
        epoch_us(coalesce(f.arrived_at, f.departed_at)) AS until_us
    FROM flown AS f
    INNER JOIN intermediate.int_aircraft_keys AS k
        ON f.icao24 IS NOT DISTINCT FROM k.icao24 AND f.registration IS NOT DISTINCT FROM k.registration
    WHERE coalesce(f.departed_at, f.arrived_at) IS NOT NULL
),

-- from when another airframe bears the key: few keys have more than one
reissues AS (
    SELECT
        aircraft,
        airframe_no,
        epoch_us(valid_from::TIMESTAMPTZ) AS since_us,
        lead(epoch_us(valid_from::TIMESTAMPTZ), 1, 253402300800000000) OVER airframes AS before_us
    FROM (
        SELECT
            aircraft,
            airframe_no,
            min(valid_from) AS valid_from
        FROM intermediate.int_aircraft_identities
        GROUP BY aircraft, airframe_no
        QUALIFY count(*) OVER (PARTITION BY aircraft) > 1
    ) AS firsts
    WINDOW airframes AS (PARTITION BY aircraft ORDER BY airframe_no)
),

-- numbers alone are sorted, no texts: 64 bits of hash tell aircraft, and places of one airframe, apart
flights AS (
    SELECT
        hash(s.aircraft) AS whose,
        CASE WHEN s.base_id IS NOT NULL THEN hash(s.base_id, coalesce(r.airframe_no, 1)) END AS place,
        s.step::TINYINT AS step,
        s.at_us,
        s.until_us,
        s.end_no
    FROM strong AS s
    LEFT JOIN reissues AS r ON s.aircraft = r.aircraft AND s.at_us >= r.since_us AND s.at_us < r.before_us
),

neighboured AS (
    SELECT
        *,
        lag(place) OVER in_time AS place_before,
        lag(step) OVER in_time AS step_before,
        lag(until_us) OVER in_time AS until_us_before,
        lead(place) OVER in_time AS place_after,
        lead(step) OVER in_time AS step_after,
        lead(at_us) OVER in_time AS at_us_after,
        lead(end_no) OVER in_time AS end_no_after
    FROM flights
    WINDOW in_time AS (PARTITION BY whose ORDER BY at_us, step, place, end_no)
),

opened AS (
    SELECT
        *,
        step = 0
        OR (place_before IS DISTINCT FROM place)
        OR step_before = 2
        OR at_us - until_us_before > $stay_max_days * 86400000000 AS opens,
        step_after = 0
        OR (place_after IS DISTINCT FROM place)
        OR step = 2
        OR at_us_after - until_us > $stay_max_days * 86400000000 AS is_last
    FROM neighboured
    WHERE place IS NOT NULL
),

told AS (
    SELECT
        *,
        step = 1 OR (step = 2 AND NOT opens AND step_before = 1) OR (step = 0 AND NOT is_last AND step_after = 1)
            AS has_presence
    FROM opened
),

-- weak ends stand alone, but for the two that one silence shows
weak AS (
    SELECT
        rowid AS end_no,
        CASE
            WHEN direction = 'arrival' AND lead(direction) OVER of_silence = 'departure' THEN lead(rowid) OVER of_silence
        END AS closing_no,
        coalesce(direction = 'departure' AND lag(direction) OVER of_silence = 'arrival', FALSE) AS is_closing
    FROM intermediate.int_ends
    WHERE confidence < 2 AND direction <> 'presence'
    WINDOW
        of_silence AS (
            PARTITION BY base_id, aircraft, coalesce(silence_no::BIGINT, -1 - rowid) ORDER BY happened_at, direction
        )
),

-- one end, or an arrival and the departure after it
plain AS (
    SELECT
        end_no,
        CASE WHEN NOT is_last THEN end_no_after END AS closing_no
    FROM told
    WHERE NOT has_presence AND opens

    UNION ALL
    -- weak ends stand alone, but for the two of one silence, which are one stay
    SELECT
        end_no,
        closing_no
    FROM weak
    WHERE NOT is_closing
),

numbered AS (
    SELECT
        end_no,
        count_if(opens) OVER (
            PARTITION BY whose ORDER BY at_us, step, place, end_no ROWS UNBOUNDED PRECEDING
        ) AS stay_no
    FROM told
    WHERE has_presence

    UNION ALL
    SELECT
        rowid AS end_no,
        -1 - rowid AS stay_no
    FROM intermediate.int_ends
    WHERE confidence < 2 AND direction = 'presence'
),

paired AS (
    SELECT
        e.*,
        e.direction = 'arrival' AS is_arrival,
        c.happened_at AS closed_at,
        c.until_at AS closed_until_at,
        c.evidence AS closing_evidence,
        c.confidence AS closing_confidence,
        c.probability AS closing_probability,
        c.rule AS closing_rule,
        c.other_icao AS closing_icao,
        c.other_base_id AS closing_base_id,
        c.callsign AS closing_callsign,
        c.registration AS closing_registration,
        c.type_code AS closing_type_code,
        c.sources AS closing_sources,
        c.evidence_ids AS closing_evidence_ids
    FROM intermediate.int_ends AS e
    INNER JOIN plain AS p ON e.rowid = p.end_no
    LEFT JOIN intermediate.int_ends AS c ON p.closing_no = c.rowid
),

grouped AS (
    SELECT
        e.*,
        n.stay_no
    FROM intermediate.int_ends AS e
    INNER JOIN numbered AS n ON e.rowid = n.end_no
),

stays AS (
    SELECT
        base_id,
        aircraft,
        coalesce(callsign, closing_callsign) AS callsign,
        coalesce(registration, closing_registration) AS registration,
        coalesce(type_code, closing_type_code) AS type_code,
        CASE WHEN is_arrival AND confidence >= 2 THEN happened_at END AS arrived_at,
        CASE
            WHEN is_arrival THEN CASE WHEN closing_confidence >= 2 THEN closed_at END
            WHEN confidence >= 2 THEN happened_at
        END AS departed_at,
        happened_at AS first_evidence_at,
        greatest(until_at, closed_until_at) AS last_evidence_at,
        CASE WHEN is_arrival THEN evidence ELSE 'none' END AS arrival_evidence,
        coalesce(CASE WHEN is_arrival THEN closing_evidence ELSE evidence END, 'none') AS departure_evidence,
        CASE WHEN is_arrival THEN confidence END AS arrival_confidence,
        CASE WHEN is_arrival THEN closing_confidence ELSE confidence END AS departure_confidence,
        greatest(confidence, closing_confidence) AS confidence,
        -- an end that was seen leaves nothing to infer
        CASE
            WHEN closing_confidence IS NULL THEN probability
            WHEN probability IS NOT NULL AND closing_probability IS NOT NULL THEN greatest(probability, closing_probability)
        END AS probability,
        CASE WHEN closing_confidence IS NULL OR closing_probability IS NOT NULL THEN undecided_id END AS undecided_id,
        CASE
            WHEN probability IS NOT NULL AND (closing_confidence IS NULL OR closing_probability IS NOT NULL) THEN silence_no
        END AS silence_no,
        CASE WHEN closing_rule IS NULL THEN rule ELSE rule || '; ' || closing_rule END AS rule,
        CASE WHEN is_arrival THEN other_icao END AS origin_icao,
        CASE WHEN is_arrival THEN other_base_id END AS origin_base_id,
        CASE WHEN is_arrival THEN closing_icao ELSE other_icao END AS destination_icao,
        CASE WHEN is_arrival THEN closing_base_id ELSE other_base_id END AS destination_base_id,
        CASE
            WHEN closing_sources IS NULL OR sources = closing_sources THEN sources
            ELSE list_sort(list_distinct(list_concat(sources, closing_sources)))
        END AS sources,
        CASE
            WHEN closing_evidence_ids IS NULL OR evidence_ids = closing_evidence_ids THEN evidence_ids
            -- two single witnesses, as nearly always, need no sorting of lists
            WHEN len(evidence_ids) = 1 AND len(closing_evidence_ids) = 1
                THEN [least(evidence_ids[1], closing_evidence_ids[1]), greatest(evidence_ids[1], closing_evidence_ids[1])]
            ELSE list_sort(list_distinct(list_concat(evidence_ids, closing_evidence_ids)))
        END AS evidence_ids
    FROM paired

    UNION ALL
    SELECT
        base_id,
        aircraft,
        arg_min(callsign, (happened_at, direction)) AS callsign,
        arg_min(registration, (happened_at, direction)) AS registration,
        arg_min(type_code, (happened_at, direction)) AS type_code,
        min(happened_at) FILTER (WHERE direction = 'arrival') AS arrived_at,
        max(happened_at) FILTER (WHERE direction = 'departure') AS departed_at,
        min(happened_at) AS first_evidence_at,
        max(until_at) AS last_evidence_at,
        coalesce(min(evidence) FILTER (WHERE direction = 'arrival'), 'none') AS arrival_evidence,
        coalesce(min(evidence) FILTER (WHERE direction = 'departure'), 'none') AS departure_evidence,
        max(confidence) FILTER (WHERE direction = 'arrival') AS arrival_confidence,
        max(confidence) FILTER (WHERE direction = 'departure') AS departure_confidence,
        max(confidence) AS confidence,
        CASE WHEN count(*) = count(probability) THEN max(probability) END AS probability,
        CASE WHEN count(*) = count(probability) AND max(confidence) < 2 THEN min(undecided_id) END AS undecided_id,
        CASE WHEN count(*) = count(probability) THEN arg_max(silence_no, probability) END AS silence_no,
        string_agg(rule, '; ' ORDER BY happened_at, direction, rule) AS rule,
        min(other_icao) FILTER (WHERE direction = 'arrival') AS origin_icao,
        min(other_base_id) FILTER (WHERE direction = 'arrival') AS origin_base_id,
        min(other_icao) FILTER (WHERE direction = 'departure') AS destination_icao,
        min(other_base_id) FILTER (WHERE direction = 'departure') AS destination_base_id,
        list_sort(list_distinct(flatten(list(sources)))) AS sources,
        list_sort(list_distinct(flatten(list(evidence_ids)))) AS evidence_ids
    FROM grouped
    GROUP BY base_id, aircraft, stay_no
)

SELECT
    s.base_id,
    s.aircraft,
    s.callsign,
    CASE WHEN regexp_matches(s.callsign, '^[A-Z]{3}[0-9]') THEN s.callsign[:3] END AS callsign_prefix,
    coalesce(s.registration, i.registration) AS registration,
    s.type_code,
    s.arrived_at,
    s.departed_at,
    s.first_evidence_at,
    s.last_evidence_at,
    s.arrival_evidence,
    s.departure_evidence,
    s.arrival_confidence,
    s.departure_confidence,
    -- a landing seen and followed by a departure seen from the same field is as sure as it gets (contract, evidence); what
    -- interference weakened stays weakened: the rule says so
    CASE
        WHEN s.probability IS NOT NULL THEN s.confidence
        WHEN coalesce(s.departure_confidence, 1) < 2 OR contains(s.rule, '; weakened: ') THEN s.confidence
        WHEN s.arrival_evidence IN ('touchdown', 'aligned_loss') THEN 4
        WHEN s.arrival_evidence = 'descent_loss' THEN greatest(s.confidence, 3)
        ELSE s.confidence
    END AS confidence,
    s.probability,
    s.undecided_id,
    s.silence_no,
    s.rule,
    s.origin_icao,
    s.origin_base_id,
    s.destination_icao,
    s.destination_base_id,
    s.sources,
    s.evidence_ids
FROM stays AS s
-- a record without a registration is of the aircraft that bore its address that day
LEFT JOIN intermediate.int_aircraft_identities AS i
    ON s.aircraft = i.aircraft AND day_of(s.first_evidence_at) BETWEEN i.valid_from AND i.valid_to
