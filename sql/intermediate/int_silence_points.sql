/*
grain: one row per silence, field and term, or pair of terms, with what it adds to the log-odds of a landing there
key: [icao24, stretch_no, field_id, term]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  term: {type: VARCHAR, doc: "Column of int_silence_terms, or two of them joined by ` x `"}
  reading: {type: DOUBLE, doc: "Its value; null where unknown, and for a pair"}
  points: {type: DOUBLE, unit: log-odds, doc: "By reference table evidence_terms"}
*/
WITH term_values AS (
    SELECT
        icao24,
        stretch_no,
        field_id,
        term,
        reading
    FROM intermediate.int_silence_terms
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
    SELECT *
    FROM reference.evidence_terms
    WHERE judge = 'whole' AND term_a <> 'constant'
),

singles AS (
    SELECT
        v.icao24,
        v.stretch_no,
        v.field_id,
        v.term,
        v.reading,
        s.points
    FROM term_values AS v
    INNER JOIN steps AS s
        ON
            v.term = s.term_a
            AND (
                (v.reading IS NULL AND s.from_a IS NULL AND s.to_a IS NULL)
                OR (v.reading >= s.from_a AND v.reading < s.to_a)
            )
    WHERE s.term_b IS NULL
),

first_bins AS (
    SELECT DISTINCT
        term_a,
        term_b,
        from_a,
        to_a
    FROM steps
    WHERE term_b IS NOT NULL
),

first_halves AS (
    SELECT
        v.icao24,
        v.stretch_no,
        v.field_id,
        b.term_a,
        b.term_b,
        b.from_a,
        b.to_a
    FROM term_values AS v
    INNER JOIN first_bins AS b
        ON
            v.term = b.term_a
            AND (
                (v.reading IS NULL AND b.from_a IS NULL AND b.to_a IS NULL)
                OR (v.reading >= b.from_a AND v.reading < b.to_a)
            )
),

pairs AS (
    SELECT
        h.icao24,
        h.stretch_no,
        h.field_id,
        h.term_a || ' x ' || h.term_b AS term,
        NULL AS reading,
        s.points
    FROM first_halves AS h
    INNER JOIN term_values AS v
        ON h.icao24 = v.icao24 AND h.stretch_no = v.stretch_no AND h.field_id = v.field_id AND h.term_b = v.term
    INNER JOIN steps AS s
        ON
            h.term_a = s.term_a
            AND h.term_b = s.term_b
            AND h.from_a IS NOT DISTINCT FROM s.from_a
            AND h.to_a IS NOT DISTINCT FROM s.to_a
            AND (
                (v.reading IS NULL AND s.from_b IS NULL AND s.to_b IS NULL)
                OR (v.reading >= s.from_b AND v.reading < s.to_b)
            )
)

SELECT * FROM singles
UNION ALL
SELECT * FROM pairs
