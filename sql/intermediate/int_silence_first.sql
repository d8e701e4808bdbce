/*
grain: one row per silence and field, with a first score by times and directions alone
key: [icao24, stretch_no, field_id]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  score: {type: DOUBLE, unit: log-odds, doc: "For a landing there, before other fields are looked at"}
*/
-- By this score the fields in reach are compared with each other, and those left behind go no further.
WITH term_values AS (
    SELECT
        icao24,
        stretch_no,
        field_id,
        term,
        reading
    FROM intermediate.int_silence_fields
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
            kind
        )
    )
),

steps AS (
    SELECT
        term_a,
        from_a,
        to_a,
        points
    FROM reference.evidence_terms
    WHERE judge = 'first' AND term_b IS NULL AND term_a <> 'constant'
)

SELECT
    v.icao24,
    v.stretch_no,
    v.field_id,
    coalesce((SELECT t.points FROM reference.evidence_terms AS t WHERE t.judge = 'first' AND t.term_a = 'constant'), 0)
    + sum(s.points::DECIMAL(18, 6)) AS score
FROM term_values AS v
LEFT JOIN steps AS s
    ON
        v.term = s.term_a
        AND (
            (v.reading IS NULL AND s.from_a IS NULL AND s.to_a IS NULL)
            OR (v.reading >= s.from_a AND v.reading < s.to_a)
        )
GROUP BY v.icao24, v.stretch_no, v.field_id
