/*
grain: one row per end, or presence, of a stay at a watched base that tracks show, weighed
key: [icao24, base_id, direction, at_s, evidence]
empty_without: [intermediate.int_track_stretches]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "Stretch of track that shows it"}
  base_id: {type: VARCHAR, doc: "Watched base"}
  direction: {type: VARCHAR, values: [arrival, departure, presence], doc: "Which end of a stay; presence: on the ground, neither end seen"}
  at_s: {type: BIGINT, unit: s, doc: "When"}
  until_s: {type: BIGINT, unit: s, doc: "When; for a presence its last evidence"}
  evidence: {type: VARCHAR, values: [touchdown, aligned_loss, descent_loss, reappearance, inbound_only], doc: "Sort of evidence"}
  confidence: {type: INTEGER, doc: "4 strongest to 1"}
  probability: {type: DOUBLE, doc: "That the stay took place, where it is inferred from a silence; else null"}
  undecided_id: {type: VARCHAR, doc: "Shared by the bases of which one was visited, nobody can tell which; else null"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence from which it is inferred; else null"}
  rule: {type: VARCHAR, doc: "Which rule fired, with its numbers"}
  callsign: {type: VARCHAR, doc: "Callsign"}
  registration: {type: VARCHAR, doc: "Registration mark"}
  type_code: {type: VARCHAR, doc: "ICAO aircraft type designator"}
  source: {type: VARCHAR, doc: "Source that brought the track"}
  networks: {type: VARCHAR, doc: "Networks that heard it"}
*/
-- Kept in one file: an end is weighed by what its aircraft was seen to do before and after, ends of all sorts together.
WITH ends AS (
    SELECT
        icao24,
        stretch_no,
        base_id,
        direction,
        at_s,
        at_s AS until_s,
        evidence,
        confidence,
        FALSE AS is_tied,
        NULL AS probability,
        NULL AS undecided_id,
        NULL AS silence_no,
        rule
    FROM intermediate.int_track_air_ends AS a
    -- a silence that was judged whole is not judged by one of its ends
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM intermediate.int_silences AS s
            INNER JOIN intermediate.int_silence_fields AS f ON s.icao24 = f.icao24 AND s.stretch_no = f.stretch_no
            WHERE
                a.icao24 = s.icao24
                AND a.stretch_no = CASE a.direction WHEN 'arrival' THEN s.stretch_no ELSE s.stretch_after_no END
                AND a.base_id = f.base_id
        )

    UNION ALL
    SELECT
        icao24,
        stretch_no,
        base_id,
        direction,
        at_s,
        at_s AS until_s,
        evidence,
        confidence,
        FALSE AS is_tied,
        probability,
        undecided_id,
        silence_no,
        rule
    FROM intermediate.int_silence_ends

    UNION ALL
    SELECT
        icao24,
        stretch_no,
        base_id,
        direction,
        at_s,
        until_s,
        'touchdown' AS evidence,
        confidence,
        is_tied,
        NULL AS probability,
        NULL AS undecided_id,
        NULL AS silence_no,
        rule
    FROM intermediate.int_track_landings
),

troubled AS (
    SELECT
        base_id,
        day
    FROM intermediate.int_base_day_coverage
    WHERE interference = 'suspected'
    GROUP BY base_id, day
),

weighed AS (
    SELECT
        e.icao24,
        e.stretch_no,
        e.base_id,
        e.direction,
        e.at_s,
        e.until_s,
        e.evidence,
        e.confidence - CASE WHEN t.base_id IS NOT NULL AND NOT e.is_tied THEN 1 ELSE 0 END AS confidence,
        e.probability,
        e.undecided_id,
        e.silence_no,
        e.rule
        || CASE
            WHEN t.base_id IS NOT NULL AND NOT e.is_tied THEN '; weakened: interference suspected near the base that day'
            ELSE ''
        END AS rule
    FROM ends AS e
    LEFT JOIN troubled AS t
        ON e.base_id = t.base_id AND day_of_s(e.at_s) = t.day
),

-- what the aircraft was next seen to do, and before: ends, and every stretch in the air or on the ground far away
events AS (
    SELECT
        icao24,
        base_id,
        direction,
        evidence,
        at_s,
        CASE direction WHEN 'departure' THEN 0 ELSE 2 END AS place_in_second
    FROM weighed
    WHERE direction <> 'presence' AND confidence > 0

    UNION ALL
    SELECT
        icao24,
        NULL AS base_id,
        'seen' AS direction,
        NULL AS evidence,
        first_s AS at_s,
        1 AS place_in_second
    FROM intermediate.int_track_stretches
    WHERE NOT is_ground OR first_base_id IS NULL
),

followed AS (
    SELECT
        *,
        lag(direction) OVER flight AS direction_before,
        lag(base_id) OVER flight AS base_before,
        lag(evidence) OVER flight AS evidence_before,
        lead(direction) OVER flight AS direction_after,
        lead(base_id) OVER flight AS base_after,
        lead(at_s) OVER flight AS after_s
    FROM events
    WINDOW flight AS (PARTITION BY icao24 ORDER BY at_s, place_in_second, base_id, evidence)
),

-- who was last seen to land here, on the ground, takes off from here
standing AS (
    SELECT DISTINCT
        icao24,
        base_id,
        at_s
    FROM followed
    WHERE
        direction = 'departure'
        AND direction_before = 'arrival'
        AND base_before = base_id
        AND evidence_before = 'touchdown'
        AND evidence <> 'touchdown'
),

leaving AS (
    SELECT
        icao24,
        base_id,
        direction,
        at_s,
        bool_or(
            direction_after = 'departure' AND base_after = base_id AND after_s - at_s <= $stay_max_days * 86400
        ) AS leaves_from_here
    FROM followed
    WHERE direction = 'arrival'
    GROUP BY icao24, base_id, direction, at_s
)

SELECT
    w.icao24,
    w.stretch_no,
    w.base_id,
    w.direction,
    w.at_s,
    w.until_s,
    w.evidence,
    w.confidence
    + CASE WHEN l.leaves_from_here AND w.probability IS NULL AND w.evidence <> 'inbound_only' THEN 1 ELSE 0 END
    + CASE WHEN g.icao24 IS NOT NULL AND w.confidence = 1 AND w.probability IS NULL THEN 1 ELSE 0 END AS confidence,
    w.probability,
    w.undecided_id,
    w.silence_no,
    w.rule
    || CASE
        WHEN l.leaves_from_here AND w.probability IS NULL AND w.evidence <> 'inbound_only' THEN '; what it is next seen to do is to take off here'
        ELSE ''
    END
    || CASE
        WHEN g.icao24 IS NOT NULL AND w.confidence = 1 AND w.probability IS NULL
            THEN '; it was last seen to land here'
        ELSE ''
    END AS rule,
    s.callsign,
    s.registration,
    s.type_code,
    s.source,
    s.networks
FROM weighed AS w
INNER JOIN intermediate.int_track_stretches AS s ON w.icao24 = s.icao24 AND w.stretch_no = s.stretch_no
LEFT JOIN leaving AS l
    ON w.icao24 = l.icao24 AND w.base_id = l.base_id AND w.direction = l.direction AND w.at_s = l.at_s
LEFT JOIN standing AS g
    ON w.icao24 = g.icao24 AND w.base_id = g.base_id AND w.at_s = g.at_s AND w.direction = 'departure'
WHERE w.confidence > 0
