/*
grain: one row per silence and field, with a first score by times and directions alone
key: [icao24, stretch_no, field_id]
empty_without: [intermediate.int_silence_fields]
columns:
  icao24: {type: VARCHAR, doc: "24-bit address"}
  stretch_no: {type: INTEGER, doc: "The stretch of its track that ends in the silence"}
  field_id: {type: VARCHAR, doc: "Base, or OurAirports identifier of another field"}
  score: {type: DOUBLE, unit: log-odds, doc: "For a landing there, before other fields are looked at; null where no term has weights"}
*/
-- By this score the fields in reach are compared with each other, and those left behind go no further.
-- A number stands for the row while its terms are looked up: a row has two dozen of them, each with a dozen steps.
WITH numbered AS MATERIALIZED (
    SELECT
        row_number() OVER () AS row_no,
        *
    FROM intermediate.int_silence_fields
),

readings AS (
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
            kind
        )
    )
),

steps AS (
    SELECT
        term_a AS term,
        step_from(from_a, to_a) AS from_reading,
        step_to(from_a, to_a) AS to_reading,
        points::DECIMAL(18, 6) AS points
    FROM reference.evidence_terms
    WHERE judge = 'first' AND term_b IS NULL AND term_a <> 'constant'
),

sums AS (
    SELECT
        r.row_no,
        sum(s.points) AS points
    FROM readings AS r
    INNER JOIN steps AS s ON r.term = s.term AND r.reading >= s.from_reading AND r.reading < s.to_reading
    GROUP BY r.row_no
)

SELECT
    n.icao24,
    n.stretch_no,
    n.field_id,
    coalesce((SELECT t.points FROM reference.evidence_terms AS t WHERE t.judge = 'first' AND t.term_a = 'constant'), 0)
    + s.points AS score
FROM numbered AS n
LEFT JOIN sums AS s ON n.row_no = s.row_no
