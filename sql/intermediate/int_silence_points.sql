/*
grain: one row per silence, field and term, or pair of terms, with what it adds to the log-odds of a landing there
key: [icao24, stretch_no, field_id, term]
empty_without: [intermediate.int_silence_terms]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  term: {type: VARCHAR, doc: "Column of int_silence_terms, or two of them joined by ` x `"}
  reading: {type: DOUBLE, doc: "Its value; null where unknown, and for a pair"}
  points: {type: DOUBLE, unit: log-odds, doc: "By reference table evidence_terms"}
*/
-- A number stands for the row while its terms are looked up.
WITH numbered AS MATERIALIZED (
    SELECT
        row_number() OVER () AS row_no,
        *
    FROM intermediate.int_silence_terms
),

readings AS MATERIALIZED (
    SELECT
        row_no,
        term,
        coalesce(reading, unknown_reading()) AS reading
    FROM numbered
    UNPIVOT INCLUDE NULLS (
        reading FOR term IN (
            slack,
            need,
            length,
            direct,
            detour,
            off1,
            off2,
            height_change,
            height_most,
            angle_sum,
            angle_most,
            way_sum,
            d1,
            d2,
            be1,
            be2,
            glide1,
            glide2,
            aim1,
            aim2,
            closing,
            opening,
            is_ground_after,
            kind,
            way_most,
            h1,
            h2,
            line1,
            line2,
            deaf,
            alive,
            mismatch,
            lead,
            beaten_by,
            nearer,
            here,
            elsewhere
        )
    )
),

steps AS (
    SELECT
        CASE WHEN term_b IS NULL THEN term_a ELSE term_a || ' x ' || term_b END AS term,
        term_a,
        term_b,
        step_from(from_a, to_a) AS from_a,
        step_to(from_a, to_a) AS to_a,
        step_from(from_b, to_b) AS from_b,
        step_to(from_b, to_b) AS to_b,
        points
    FROM reference.evidence_terms
    WHERE judge = 'whole' AND term_a <> 'constant'
),

-- the step of either term of a pair is found alone, then the two together: seven and seven looks, not seven times seven
pair_steps AS (
    SELECT
        *,
        dense_rank() OVER (ORDER BY term) AS pair_no,
        dense_rank() OVER (ORDER BY term, from_a, to_a) AS first_no,
        dense_rank() OVER (ORDER BY term, from_b, to_b) AS second_no
    FROM steps
    WHERE term_b IS NOT NULL
),

firsts AS (
    SELECT
        r.row_no,
        s.pair_no,
        s.first_no
    FROM readings AS r
    INNER JOIN (SELECT DISTINCT
        pair_no,
        first_no,
        term_a,
        from_a,
        to_a
    FROM pair_steps) AS s
        ON r.term = s.term_a AND r.reading >= s.from_a AND r.reading < s.to_a
),

seconds AS (
    SELECT
        r.row_no,
        s.pair_no,
        s.second_no
    FROM readings AS r
    INNER JOIN (SELECT DISTINCT
        pair_no,
        second_no,
        term_b,
        from_b,
        to_b
    FROM pair_steps) AS s
        ON r.term = s.term_b AND r.reading >= s.from_b AND r.reading < s.to_b
),

found AS (
    SELECT
        r.row_no,
        r.term,
        nullif(r.reading, unknown_reading()) AS reading,
        s.points
    FROM readings AS r
    INNER JOIN steps AS s ON r.term = s.term_a AND r.reading >= s.from_a AND r.reading < s.to_a
    WHERE s.term_b IS NULL

    UNION ALL
    SELECT
        a.row_no,
        s.term,
        NULL AS reading,
        s.points
    FROM firsts AS a
    INNER JOIN seconds AS b ON a.row_no = b.row_no AND a.pair_no = b.pair_no
    INNER JOIN pair_steps AS s ON a.first_no = s.first_no AND b.second_no = s.second_no
)

SELECT
    n.icao24,
    n.stretch_no,
    n.field_id,
    f.term,
    f.reading,
    f.points
FROM found AS f
INNER JOIN numbered AS n ON f.row_no = n.row_no
