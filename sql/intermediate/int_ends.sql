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
  probability: {type: DOUBLE, doc: "That the stay took place, where it is inferred from a silence; else null"}
  undecided_id: {type: VARCHAR, doc: "Shared by the bases of which one was visited, nobody can tell which; else null"}
  silence_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence from which it is inferred; else null"}
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
-- $stay_merge_minutes: within that span ends of one direction are one, the strongest evidence gives its time (of equals
-- what was seen before what is reported). A weak end (confidence 1) joins a strong one, it never ties two of them together.
-- Nearly every end stands alone: the others are found by three narrow columns (address, time, row), and only they are
-- sorted into groups. Records and tracks are read apart for that: sought in a union of both, few rows cost a look at all.
-- Kept in one file: rows are found, grouped and put back by their place in other tables, which no further table keeps.
WITH traced AS (
    SELECT
        -1 - t.rowid AS row_no,
        t.* REPLACE (coalesce(k.aircraft, t.aircraft) AS aircraft)
    FROM intermediate.int_trace_ends AS t
    LEFT JOIN intermediate.int_aircraft_keys AS k
        ON t.aircraft = k.icao24 AND code_or_null(t.registration) IS NOT DISTINCT FROM k.registration
),

timed AS (
    SELECT
        rowid AS row_no,
        hash(base_id, aircraft, direction) AS whose,
        epoch_us(happened_at) AS at_us
    FROM intermediate.int_record_ends
    WHERE direction <> 'presence'

    UNION ALL
    SELECT
        row_no,
        hash(base_id, aircraft, direction) AS whose,
        epoch_us(happened_at) AS at_us
    FROM traced
    WHERE direction <> 'presence'
),

-- two with one hash are at worst looked at in vain
crowded AS (
    SELECT row_no
    FROM (
        SELECT
            row_no,
            least(at_us - lag(at_us) OVER in_time, lead(at_us) OVER in_time - at_us) AS from_next_us
        FROM timed
        WINDOW in_time AS (PARTITION BY whose ORDER BY at_us)
    ) AS t
    WHERE from_next_us <= us_of_minutes($stay_merge_minutes)
),

near AS (
    SELECT
        rowid AS row_no,
        *
    FROM intermediate.int_record_ends
    WHERE rowid IN (SELECT row_no FROM crowded)
    UNION ALL BY NAME
    SELECT *
    FROM traced
    WHERE row_no IN (SELECT row_no FROM crowded)
),

ordered AS (
    SELECT
        row_no,
        base_id,
        aircraft,
        direction,
        at_us,
        confidence,
        source,
        evidence_id,
        at_us - max(CASE WHEN confidence >= 2 THEN at_us END) OVER earlier AS since_strong_us,
        min(CASE WHEN confidence >= 2 THEN at_us END) OVER later - at_us AS until_strong_us
    FROM (
        SELECT
            *,
            epoch_us(happened_at) AS at_us
        FROM near
    ) AS e
    WINDOW
        earlier AS (
            PARTITION BY base_id, aircraft, direction ORDER BY at_us, confidence DESC, source, evidence_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        later AS (
            PARTITION BY base_id, aircraft, direction ORDER BY at_us, confidence DESC, source, evidence_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
),

tied AS (
    SELECT
        *,
        coalesce(
            confidence >= 2 OR least(since_strong_us, until_strong_us) <= us_of_minutes($stay_merge_minutes), FALSE
        ) AS is_with_strong,
        count_if(confidence >= 2 AND coalesce(since_strong_us > us_of_minutes($stay_merge_minutes), TRUE))
            OVER (
                PARTITION BY base_id, aircraft, direction ORDER BY at_us, confidence DESC, source, evidence_id
                ROWS UNBOUNDED PRECEDING
            )
        + CASE
            WHEN confidence >= 2 OR since_strong_us <= us_of_minutes($stay_merge_minutes) THEN 0
            WHEN until_strong_us <= us_of_minutes($stay_merge_minutes) THEN 1
            ELSE 0
        END AS strong_no
    FROM ordered
),

-- weak ends far from any strong one are one as long as they follow each other closely
weak AS (
    SELECT
        *,
        at_us - lag(at_us) OVER (
            PARTITION BY base_id, aircraft, direction ORDER BY at_us, confidence DESC, source, evidence_id
        ) AS since_weak_us
    FROM tied
    WHERE NOT is_with_strong
),

numbered AS (
    SELECT
        row_no,
        is_with_strong,
        strong_no AS end_no
    FROM tied
    WHERE is_with_strong

    UNION ALL
    SELECT
        row_no,
        is_with_strong,
        count_if(coalesce(since_weak_us > us_of_minutes($stay_merge_minutes), TRUE)) OVER (
            PARTITION BY base_id, aircraft, direction ORDER BY at_us, confidence DESC, source, evidence_id
            ROWS UNBOUNDED PRECEDING
        ) AS end_no
    FROM weak
),

ranked AS (
    SELECT
        e.*,
        n.is_with_strong,
        n.end_no,
        (-e.confidence, e.evidence = 'reported', e.source, e.happened_at, e.evidence_id) AS strength,
        e.other_icao IS NOT NULL OR e.other_base_id IS NOT NULL AS is_placed
    FROM near AS e
    INNER JOIN numbered AS n ON e.row_no = n.row_no
)

SELECT
    base_id,
    aircraft,
    direction,
    happened_at,
    until_at,
    evidence,
    confidence,
    NULL AS probability,
    NULL AS undecided_id,
    NULL AS silence_no,
    rule,
    other_icao,
    other_base_id,
    callsign,
    registration,
    type_code,
    [source] AS sources,
    [evidence_id] AS evidence_ids
FROM intermediate.int_record_ends
WHERE rowid NOT IN (SELECT row_no FROM crowded)

UNION ALL
SELECT
    base_id,
    aircraft,
    direction,
    happened_at,
    until_at,
    evidence,
    confidence,
    probability,
    undecided_id,
    silence_no,
    rule,
    other_icao,
    other_base_id,
    callsign,
    registration,
    type_code,
    [source] AS sources,
    [evidence_id] AS evidence_ids
FROM traced
WHERE row_no NOT IN (SELECT row_no FROM crowded)

UNION ALL
SELECT
    base_id,
    aircraft,
    direction,
    arg_min(happened_at, strength) AS happened_at,
    arg_min(until_at, strength) AS until_at,
    arg_min(evidence, strength) AS evidence,
    max(confidence) AS confidence,
    -- with a witness of another sort nothing is left to infer
    CASE WHEN count(*) = count(probability) THEN max(probability) END AS probability,
    CASE WHEN count(*) = count(probability) AND max(confidence) < 2 THEN min(undecided_id) END AS undecided_id,
    CASE WHEN count(*) = count(probability) THEN arg_max(silence_no, probability) END AS silence_no,
    arg_min(rule, strength) AS rule,
    arg_min_null(other_icao, strength) FILTER (WHERE is_placed) AS other_icao,
    arg_min_null(other_base_id, strength) FILTER (WHERE is_placed) AS other_base_id,
    arg_min(callsign, strength) AS callsign,
    arg_min(registration, strength) AS registration,
    arg_min(type_code, strength) AS type_code,
    list_sort(list(DISTINCT source)) AS sources,
    list_sort(list(DISTINCT evidence_id)) AS evidence_ids
FROM ranked
GROUP BY base_id, aircraft, direction, is_with_strong, end_no
